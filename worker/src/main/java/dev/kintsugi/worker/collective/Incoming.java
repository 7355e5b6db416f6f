package dev.kintsugi.worker.collective;

import io.aeron.Subscription;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import org.agrona.DirectBuffer;

/// The stream from one peer. Each message goes straight from the term buffer to where it belongs; nothing is read beyond what the
/// present collective expects, so that the peer may run ahead and feel the back-pressure.
final class Incoming {
    private static final long UNKNOWN = -1;

    private final int peer;
    private final Subscription subscription;
    private final GroupConfig config;
    private final CallLog calls;
    private final Call call;
    private final int payloadBytes;
    private final FragmentHandler handler = this::onMessage;

    private Sink sink;
    private long total;
    private long offset;
    private boolean wasConnected;
    private Throwable failure;         // Aeron would only log what a handler throws

    /// Takes bytes `[from, to)` of a transfer from the address.
    interface Sink {
        void accept(long from, long to, long address);
    }

    Incoming(int peer, Subscription subscription, GroupConfig config, CallLog calls, Call call, int payloadBytes) {
        this.peer = peer;
        this.subscription = subscription;
        this.config = config;
        this.calls = calls;
        this.call = call;
        this.payloadBytes = payloadBytes;
    }

    int peer() {
        return peer;
    }

    boolean isConnected() {
        wasConnected |= subscription.isConnected();
        return subscription.isConnected();
    }

    void begin(long totalBytes, Sink newSink) {
        total = totalBytes;
        sink = newSink;
        offset = 0;
    }

    /// The first message will say how long the transfer is.
    void beginUnannounced(Sink newSink) {
        begin(UNKNOWN, newSink);
    }

    boolean isDone() {
        return offset == total;
    }

    long offset() {
        return offset;
    }

    /// Takes what has come, of all the transfer.
    ///
    /// @return messages taken
    int poll() {
        return poll(total);
    }

    /// Takes what has come, up to byte `end`, which is where a message ends.
    int poll(long end) {
        if (isDone() || offset == end) { return 0; }
        int limit = total == UNKNOWN ? 1 : (int) Math.min(64, Math.ceilDiv(end - offset, (long) payloadBytes));
        int polled = subscription.poll(handler, limit);
        if (failure instanceof RuntimeException e) { throw e; }
        if (failure instanceof Error e) { throw e; }
        return polled;
    }

    @SuppressWarnings("unused")
    private void onMessage(DirectBuffer buffer, int at, int length, Header header) {
        if (failure != null) { return; }
        try {
            take(buffer.addressOffset() + at, length);
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    private void take(long at, int length) {
        // A rank of an earlier generation may still be sending to this port.
        if (!AeronMessage.isOfGroup(at, length, config)) { return; }
        int bytes = AeronMessage.payloadBytes(at);
        if (total == UNKNOWN) { total = AeronMessage.total(at); }
        if (!AeronMessage.isOfCall(at, call) || AeronMessage.offset(at) != offset || AeronMessage.total(at) != total
                || length < AeronMessage.HEADER_BYTES + bytes) {
            throw new AssertionError(
                    "rank %d sent %s, offset %d of %d bytes, while rank %d is in %s at %d of %d: ranks must make the same calls in the same order"
                            .formatted(peer, AeronMessage.describe(at, calls), AeronMessage.offset(at), AeronMessage.total(at), config.rank(),
                                    call.describe(), offset, total));
        }
        sink.accept(offset, offset + bytes, at + AeronMessage.HEADER_BYTES);
        offset += bytes;
    }

    /// @throws PeerLostException if the stream has ended, or was there and is gone
    void checkAlive() {
        boolean connected = isConnected();
        if (wasConnected && (!connected || hasEnded())) {
            throw new PeerLostException("%s: rank %d has left the group, or is silent; %s".formatted(call.describe(), peer, describe()));
        }
    }

    /// The peer has closed its end, and all that it sent has been taken.
    private boolean hasEnded() {
        for (int i = 0; i < subscription.imageCount(); i++) {
            if (!subscription.imageAtIndex(i).isEndOfStream()) { return false; }
        }
        return true;
    }

    String describe() {
        return total == UNKNOWN ? "rank %d has sent nothing".formatted(peer) : "rank %d has sent %d of %d bytes".formatted(peer, offset, total);
    }
}
