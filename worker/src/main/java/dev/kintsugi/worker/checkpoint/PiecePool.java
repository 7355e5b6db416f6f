package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.estimate.SnapshotPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/// Owns the slots of one save. Memory is taken slot by slot as it is first needed, no more than the host has to spare, and given back when the save
/// is over.
final class PiecePool implements AutoCloseable {
    private static final long ALIGNMENT = 4096;
    private static final long WAKE_MS = 100;
    private static final long SLOTS_ALWAYS = 2;         // one to fill, one to write

    private final SnapshotPool size;
    private final Arena saveArena = Arena.ofShared();       // filled by the training and the taking thread, read by the writing thread
    private final Deque<MemorySegment> free;                // guarded by this, like the next
    private final LongSupplier spareBytes;
    private long allocated;
    private boolean shortOfMemory;

    /// @param spareBytes what the host can give
    PiecePool(SnapshotPool size, LongSupplier spareBytes) {
        this.size = size;
        this.spareBytes = spareBytes;
        this.free = new ArrayDeque<>((int) size.slots() + 1);
    }

    /// @return null if there is none
    MemorySegment tryTake() {
        synchronized (this) {
            if (!free.isEmpty()) { return free.pop(); }
            if (isFull()) { return null; }
            allocated++;
        }
        return saveArena.allocate(size.pieceBytes(), ALIGNMENT);
    }

    private boolean isFull() {
        if (allocated == size.slots()) { return true; }
        shortOfMemory = allocated >= SLOTS_ALWAYS && spareBytes.getAsLong() < size.pieceBytes();
        return shortOfMemory;
    }

    /// Whether it is the host that had no more, and not the pool, when it was last asked for a slot.
    synchronized boolean isShortOfMemory() {
        return shortOfMemory;
    }

    /// Waits until there may be a slot, or `unwanted` says that none is needed any more.
    synchronized void awaitSlot(BooleanSupplier unwanted) throws InterruptedException {
        while (free.isEmpty() && isFull() && !unwanted.getAsBoolean()) { wait(WAKE_MS); }
    }

    synchronized void giveBack(MemorySegment slot) {
        free.push(slot);
        notifyAll();
    }

    /// What it has taken from the system so far.
    synchronized long allocatedBytes() {
        return allocated * size.pieceBytes();
    }

    @Override
    public void close() {
        saveArena.close();
    }
}
