package dev.kintsugi.worker.collective;

import io.aeron.Subscription;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.ArrayDeque;
import org.agrona.DirectBuffer;

/// The stream from one peer. Each message goes straight from the term buffer to where it belongs; nothing is read beyond what the
/// collectives that have begun here expect, so that the peer may run ahead and feel the back-pressure. Used by the pump's thread,
/// but for the questions whether it is connected.
final class Incoming {
    private final int peer;
    private final Subscription subscription;
    private final GroupConfig config;
    private final CallLog calls;
    private final int payloadBytes;
    private final FragmentHandler handler = this::onMessage;
    private final ArrayDeque<Receiving> queue = new ArrayDeque<>();
    private volatile boolean wasConnected;
    private Throwable failure;         // Aeron would only log what a handler throws

    /// Takes bytes `[from, to)` of a transfer from the address.
    interface Sink {
        void accept(long from, long to, long address);
    }

    Incoming(int peer, Subscription subscription, GroupConfig config, CallLog calls, int payloadBytes) {
        this.peer = peer;
        this.subscription = subscription;
        this.config = config;
        this.calls = calls;
        this.payloadBytes = payloadBytes;
    }

    int peer() {
        return peer;
    }

    boolean isConnected() {
        boolean connected = subscription.isConnected();
        if (connected) { wasConnected = true; }
        return connected;
    }

    void add(Receiving receiving) {
        queue.add(receiving);
    }

    /// Takes what has come of the first transfer that is not complete.
    ///
    /// @return messages taken
    int poll() {
        Receiving next = queue.peek();
        int wanted = next == null ? 0 : next.messagesWanted(payloadBytes);
        if (wanted <= 0) { return 0; }
        int polled = subscription.poll(handler, wanted);
        if (failure instanceof RuntimeException e) { throw e; }
        if (failure instanceof Error e) { throw e; }
        if (next.isDone()) {
            queue.remove();
            next.operation().partReceived();
        }
        return polled;
    }

    @SuppressWarnings("unused")
    private void onMessage(DirectBuffer buffer, int at, int length, Header header) {
        if (failure != null) { return; }
        try {
            take(queue.element(), buffer.addressOffset() + at, length);
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    private void take(Receiving receiving, long at, int length) {
        // A rank of an earlier generation may still be sending to this port.
        if (!AeronMessage.isOfGroup(at, length, config)) { return; }
        int bytes = AeronMessage.payloadBytes(at);
        Call call = receiving.operation().call();
        if (!AeronMessage.isOfCall(at, call) || !receiving.isNext(AeronMessage.offset(at), AeronMessage.total(at))
                || length < AeronMessage.HEADER_BYTES + bytes) {
            throw new AssertionError(
                    "rank %d sent %s, offset %d of %d bytes, while rank %d is in %s and has %s: ranks must make the same calls in the same order"
                            .formatted(peer, AeronMessage.describe(at, calls), AeronMessage.offset(at), AeronMessage.total(at), config.rank(),
                                    call.describe(), receiving.progress()));
        }
        receiving.take(AeronMessage.total(at), bytes, at + AeronMessage.HEADER_BYTES);
    }

    /// From any thread.
    ///
    /// @throws PeerLostException if the stream has ended, or was there and is gone
    void checkAlive(Call call, Receiving receiving) {
        boolean connected = isConnected();
        if (wasConnected && (!connected || hasEnded()) && !receiving.isDone()) {
            throw new PeerLostException("%s: rank %d has left the group, or is silent; %s".formatted(call.describe(), peer, receiving.describe()));
        }
    }

    /// The peer has closed its end, and all that it sent has been taken.
    private boolean hasEnded() {
        for (int i = 0; i < subscription.imageCount(); i++) {
            if (!subscription.imageAtIndex(i).isEndOfStream()) { return false; }
        }
        return true;
    }
}
