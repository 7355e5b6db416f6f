package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.failure.WorldException;
import io.aeron.Aeron;
import io.aeron.ChannelUriStringBuilder;
import io.aeron.exceptions.AeronException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/// This rank's streams: one to and one from every peer, by way of the host's media driver. A stream's id is made of job,
/// generation and source rank, so what an earlier generation sends is not even received.
final class AeronStreams implements AutoCloseable {
    private static final int RANK_BITS = 12;
    private static final long DRIVER_TIMEOUT_MS = 20_000;

    private final GroupConfig config;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final Aeron aeron;
    private final List<Outgoing> outgoing = new ArrayList<>();      // rank + 1, rank + 2, ... around the circle
    private final List<Incoming> incoming = new ArrayList<>();      // by rank; null at this rank's place

    AeronStreams(GroupConfig config, AeronSettings settings, CallLog calls) {
        this.config = config;
        try {
            aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(config.aeronDirectory().toString())
                    .driverTimeoutMs(Math.min(DRIVER_TIMEOUT_MS, Math.max(1000, config.timeout().toMillis())))
                    .errorHandler(e -> failure.compareAndSet(null, e)));
        } catch (AeronException e) {
            throw new WorldException("media_driver", "aeron: no media driver in %s: %s; the node agent must be running".formatted(
                    config.aeronDirectory(), e.getMessage()), e);
        }
        try {
            open(settings, calls);
        } catch (AeronException e) {
            aeron.close();
            throw new WorldException("media_driver", "aeron: rank %d cannot open its streams on %s: %s".formatted(config.rank(),
                    config.dataEndpoints().get(config.rank()), e.getMessage()), e);
        }
    }

    private void open(AeronSettings settings, CallLog calls) {
        String own = new ChannelUriStringBuilder().media("udp").endpoint(config.dataEndpoints().get(config.rank())).build();
        for (int i = 1; i < config.worldSize(); i++) {
            int peer = (config.rank() + i) % config.worldSize();
            String channel = new ChannelUriStringBuilder().media("udp").endpoint(config.dataEndpoints().get(peer))
                    .termLength(settings.termBytes()).mtu(settings.mtuBytes()).sparse(true).build();
            var publication = aeron.addExclusivePublication(channel, streamOf(config.rank()));
            outgoing.add(new Outgoing(peer, publication, config));
        }
        for (int peer = 0; peer < config.worldSize(); peer++) {
            incoming.add(peer == config.rank() ? null
                    : new Incoming(peer, aeron.addSubscription(own, streamOf(peer)), config, calls, payloadBytes()));
        }
    }

    private int streamOf(int source) {
        long h = (config.jobHash() ^ config.generation() * 0x9e3779b97f4a7c15L) * 0xbf58476d1ce4e5b9L;
        return (int) (h >>> 32) << RANK_BITS | source;
    }

    /// Waits until all streams are connected.
    void connect(Patience patience, Call call) {
        patience.progressed();
        while (!isConnected()) {
            check();
            if (!patience.rest()) {
                throw new CollectiveTimeoutException("%s: %.1f s late, not connected to%s".formatted(call.describe(), call.secondsInside(), unconnected()));
            }
        }
    }

    private boolean isConnected() {
        return outgoing.stream().allMatch(Outgoing::isConnected) && sources().stream().allMatch(Incoming::isConnected);
    }

    private String unconnected() {
        var who = new StringBuilder();
        for (Outgoing o : outgoing) {
            if (!o.isConnected() || !incoming.get(o.peer()).isConnected()) {
                who.append(" rank %d at %s".formatted(o.peer(), config.dataEndpoints().get(o.peer())));
            }
        }
        return who.toString();
    }

    List<Outgoing> outgoing() {
        return outgoing;
    }

    List<Incoming> sources() {
        return incoming.stream().filter(i -> i != null).toList();
    }

    int payloadBytes() {
        return outgoing.getFirst().payloadBytes();
    }

    /// @throws WorldException if the media driver is gone
    void check() {
        Throwable e = failure.get();
        if (e != null) { throw new WorldException("media_driver", "aeron: %s (media driver in %s)".formatted(e.getMessage(), config.aeronDirectory()), e); }
    }

    @Override
    public void close() {
        aeron.close();
    }
}
