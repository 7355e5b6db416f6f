package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.collective.Incoming.Sink;

/// What an operation receives from one peer, on the pump's thread; others may look how far it is.
final class Receiving {
    private static final long UNKNOWN = -1;

    private final AeronOperation operation;
    private final int peer;
    private Sink sink;
    private volatile long total;
    private volatile long offset;
    private long allowed;

    Receiving(AeronOperation operation, int peer) {
        this.operation = operation;
        this.peer = peer;
    }

    /// @param newAllowed bytes that may be taken at once; the rest waits for [#allow]
    void begin(long newTotal, Sink newSink, long newAllowed) {
        total = newTotal;
        sink = newSink;
        offset = 0;
        allowed = newAllowed;
    }

    /// The first message will say how long the transfer is.
    void beginUnannounced(Sink newSink) {
        begin(UNKNOWN, newSink, Long.MAX_VALUE);
    }

    void allow(long bytes) {
        allowed = bytes;
    }

    AeronOperation operation() {
        return operation;
    }

    boolean isDone() {
        return offset == total;
    }

    long offset() {
        return offset;
    }

    /// Messages of at most `payloadBytes` that are certainly of this transfer and allowed.
    int messagesWanted(int payloadBytes) {
        if (total == UNKNOWN) { return 1; }
        return (int) Math.min(64, Math.ceilDiv(Math.min(allowed, total) - offset, (long) payloadBytes));
    }

    boolean isNext(long messageOffset, long messageTotal) {
        return messageOffset == offset && (total == UNKNOWN || messageTotal == total);
    }

    void take(long messageTotal, int bytes, long address) {
        sink.accept(offset, offset + bytes, address);
        offset += bytes;
        total = messageTotal;
    }

    String progress() {
        return total == UNKNOWN ? "%d bytes".formatted(offset) : "%d of %d bytes".formatted(offset, total);
    }

    String describe() {
        return total == UNKNOWN || offset == 0 ? "rank %d has sent nothing".formatted(peer) : "rank %d has sent %s".formatted(peer, progress());
    }
}
