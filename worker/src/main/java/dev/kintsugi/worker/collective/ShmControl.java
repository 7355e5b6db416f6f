package dev.kintsugi.worker.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Optional;

/// The shared control segment of a host's ranks: who has arrived at which barrier, in which collective, and small messages.
///
/// ```
/// header   64 bytes    magic, job hash, generation, world size
/// slot   256 bytes a rank, of which only that rank writes:
///        +0 arrivals   +64 signature of odd and even arrivals   +80 progress   +88 state   +96 pid   +104 message length
/// message 64 KiB a rank
/// ```
///
/// A barrier counts up and is never reset: a rank stores its arrival (release) and waits until every other's (acquire) has
/// reached it. Nobody can be two barriers ahead of a rank that is still looking, so two signatures are enough.
final class ShmControl {
    static final int MESSAGE_BYTES_MAX = 1 << 16;

    private static final long MAGIC = 0x4b494e5453554749L; // "KINTSUGI"
    private static final long HEADER_BYTES = 64;
    private static final long SLOT_BYTES = 256;
    private static final long ARRIVALS = 0;
    private static final long SIGNATURES = 64;
    private static final long PROGRESS = 80;
    private static final long STATE = 88;
    private static final long PID = 96;
    private static final long LENGTH = 104;
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

    /// Announces that this rank has reached its next barrier.
    void arrive(long signature) {
        arrivals++;
        LONG.setRelease(memory, slot(rank) + SIGNATURES + 8 * (arrivals & 1), signature);
        setOwn(ARRIVALS, arrivals);
    }

    boolean hasArrived(int peer) {
        return get(peer, ARRIVALS) >= arrivals;
    }

    /// What `peer` announced for the barrier this rank is at. Only after [#hasArrived].
    long signatureHere(int peer) {
        return get(peer, SIGNATURES + 8 * (arrivals & 1));
    }

    /// What `peer` announced last; -1 if nothing.
    long lastSignature(int peer) {
        long count = get(peer, ARRIVALS);
        return count == 0 ? -1 : get(peer, SIGNATURES + 8 * (count & 1));
    }

    /// Tells peers that this rank is at work, though it does not arrive yet.
    void progressed() {
        setOwn(PROGRESS, ++progress);
    }

    /// Changes whenever any rank arrives or progresses.
    long activity() {
        long sum = 0;
        for (int r = 0; r < worldSize; r++) {
            sum += get(r, ARRIVALS) + get(r, PROGRESS);
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
