package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.collective.Outgoing.Source;

/// What an operation sends to one peer. The rank's thread says what and how much of it is there already; the pump's thread sends it.
final class Sending {
    private final AeronOperation operation;
    private Source source;
    private long total;
    private volatile long available;
    private volatile long offset;
    private volatile boolean isSent;

    Sending(AeronOperation operation) {
        this.operation = operation;
    }

    void begin(long newTotal, Source newSource, long newAvailable) {
        total = newTotal;
        source = newSource;
        available = newAvailable;
        offset = 0;
        isSent = false;
    }

    AeronOperation operation() {
        return operation;
    }

    /// Bytes up to here may be sent now.
    void makeAvailable(long bytes) {
        available = bytes;
    }

    /// Bytes of the next message, of at most `payloadBytes`; -1 if they are not there yet.
    int next(int payloadBytes) {
        int length = (int) Math.min(payloadBytes, total - offset);
        return offset + length <= available ? length : -1;
    }

    void read(int length, long address) {
        source.read(offset, offset + length, address);
    }

    void sent(int length) {
        long newOffset = offset + length;
        offset = newOffset;
        isSent = newOffset == total;
    }

    /// An empty transfer takes one message, too.
    boolean isSent() {
        return isSent;
    }

    long offset() {
        return offset;
    }

    long total() {
        return total;
    }
}
