package dev.kintsugi.worker.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Optional;

/// The shared control segment of a host's ranks: which collectives each has entered, which barriers it has come to, how far it is with
/// each shared buffer, and small messages.
///
/// ```
/// header   64 bytes    magic, job hash, generation, world size
/// slot  65792 bytes a rank, of which only that rank writes:
///        +0 arrivals at barriers   +8 calls entered   +16 progress   +24 state   +32 pid   +40 message length
///        +64 signatures of the last 16 calls entered
///        +256 one cache line for each of 1024 buffers: +0 offered  +8 finished (see ShmUses)
/// message 64 KiB a rank
/// ```
///
/// Counters only grow. A rank stores its own (release) after what it stands for, and waits until those of others (acquire) are
/// what it needs.
final class ShmControl {
    static final int MESSAGE_BYTES_MAX = 1 << 16;
    static final int BUFFERS_MAX = 1024;

    private static final long MAGIC = 0x4b494e5453554749L; // "KINTSUGI"
    private static final long HEADER_BYTES = 64;
    private static final long ARRIVALS = 0;
    private static final long ENTERED = 8;
    private static final long PROGRESS = 16;
    private static final long STATE = 24;
    private static final long PID = 32;
    private static final long LENGTH = 40;
    private static final long SIGNATURES = 64;
    private static final int SIGNATURES_KEPT = 16;
    private static final long BUFFERS = 256;
    private static final long LINE_BYTES = 64;
    private static final long SLOT_BYTES = BUFFERS + BUFFERS_MAX * LINE_BYTES;
    private static final long CLOSED = 2;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment memory;
    private final int rank;
    private final int worldSize;
    private long arrivals;
    private long progress;

    ShmControl(MemorySegment memory, int rank, int worldSize) {
        this.memory = memory;
        this.rank = rank;
        this.worldSize = worldSize;
        setOwn(PID, ProcessHandle.current().pid());
    }

    static long bytes(int worldSize) {
        return HEADER_BYTES + worldSize * (SLOT_BYTES + MESSAGE_BYTES_MAX);
    }

    static void writeHeader(MemorySegment memory, GroupConfig config) {
        memory.set(ValueLayout.JAVA_LONG, 8, config.jobHash());
        memory.set(ValueLayout.JAVA_LONG, 16, config.generation());
        memory.set(ValueLayout.JAVA_LONG, 24, config.worldSize());
        LONG.setRelease(memory, 0L, MAGIC); // pairs with headerMatches
    }

    /// Empty until the header is there.
    static Optional<Boolean> headerMatches(MemorySegment memory, GroupConfig config) {
        if ((long) LONG.getAcquire(memory, 0L) != MAGIC) { return Optional.empty(); }
        return Optional.of(memory.get(ValueLayout.JAVA_LONG, 8) == config.jobHash()
                && memory.get(ValueLayout.JAVA_LONG, 16) == config.generation()
                && memory.get(ValueLayout.JAVA_LONG, 24) == config.worldSize());
    }

    /// Tells peers which call this rank is in.
    void enter(Call call) {
        LONG.setRelease(memory, slot(rank) + SIGNATURES + 8 * (call.sequence() % SIGNATURES_KEPT), call.signature());
        setOwn(ENTERED, call.sequence() + 1);
    }

    /// Announces that this rank has reached its next barrier.
    void arrive() {
        setOwn(ARRIVALS, ++arrivals);
    }

    boolean hasArrived(int peer) {
        return get(peer, ARRIVALS) >= arrivals;
    }

    /// The call that `peer` entered with the number `sequence`; -1 if it has not yet, or long ago.
    long signature(int peer, long sequence) {
        if (get(peer, ENTERED) <= sequence) { return -1; }
        long signature = get(peer, SIGNATURES + 8 * (sequence % SIGNATURES_KEPT));
        return get(peer, ENTERED) < sequence + SIGNATURES_KEPT ? signature : -1;
    }

    /// The call that `peer` entered last; -1 if none.
    long lastSignature(int peer) {
        long count = get(peer, ENTERED);
        return count == 0 ? -1 : get(peer, SIGNATURES + 8 * ((count - 1) % SIGNATURES_KEPT));
    }

    long offered(int peer, int buffer) {
        return get(peer, BUFFERS + buffer * LINE_BYTES);
    }

    /// This rank's rows, or its gradient, are there.
    void offer(int buffer, long use) {
        setOwn(BUFFERS + buffer * LINE_BYTES, use);
        progressed();
    }

    long finished(int peer, int buffer) {
        return get(peer, BUFFERS + buffer * LINE_BYTES + 8);
    }

    /// This rank will not look at what the buffer holds again.
    void finish(int buffer, long use) {
        setOwn(BUFFERS + buffer * LINE_BYTES + 8, use);
        progressed();
    }

    /// Tells peers that this rank is at work, though it does not arrive yet.
    void progressed() {
        setOwn(PROGRESS, ++progress);
    }

    /// Changes whenever any rank enters a call, arrives or progresses.
    long activity() {
        long sum = 0;
        for (int r = 0; r < worldSize; r++) {
            sum += get(r, ARRIVALS) + get(r, ENTERED) + get(r, PROGRESS);
        }
        return sum;
    }

    void close() {
        setOwn(STATE, CLOSED);
    }

    boolean isClosed(int peer) {
        return get(peer, STATE) == CLOSED;
    }

    /// 0 until the peer has mapped the segment.
    long pid(int peer) {
        return get(peer, PID);
    }

    void writeMessage(byte[] message) {
        MemorySegment.copy(message, 0, memory, ValueLayout.JAVA_BYTE, messageAt(rank), message.length);
        setOwn(LENGTH, message.length);
    }

    byte[] readMessage(int peer) {
        return memory.asSlice(messageAt(peer), get(peer, LENGTH)).toArray(ValueLayout.JAVA_BYTE);
    }

    private long messageAt(int peer) {
        return HEADER_BYTES + worldSize * SLOT_BYTES + (long) peer * MESSAGE_BYTES_MAX;
    }

    private long get(int peer, long field) {
        return (long) LONG.getAcquire(memory, slot(peer) + field);
    }

    private void setOwn(long field, long value) {
        LONG.setRelease(memory, slot(rank) + field, value);
    }

    private static long slot(int peer) {
        return HEADER_BYTES + peer * SLOT_BYTES;
    }
}
