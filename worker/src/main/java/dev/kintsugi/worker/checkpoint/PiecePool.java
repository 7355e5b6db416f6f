package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.estimate.SnapshotPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;

/// Owns the slots of one save. Memory is taken slot by slot as it is first needed, and given back when the save is over.
final class PiecePool implements AutoCloseable {
    private static final long ALIGNMENT = 4096;
    private static final long WAKE_MS = 100;

    private final SnapshotPool size;
    private final Arena saveArena = Arena.ofShared();       // filled by the training and the taking thread, read by the writing thread
    private final Deque<MemorySegment> free;                // guarded by this, like the next
    private long allocated;

    PiecePool(SnapshotPool size) {
        this.size = size;
        this.free = new ArrayDeque<>((int) size.slots() + 1);
    }

    /// @return null if there is none
    MemorySegment tryTake() {
        synchronized (this) {
            if (!free.isEmpty()) { return free.pop(); }
            if (allocated == size.slots()) { return null; }
            allocated++;
        }
        return saveArena.allocate(size.pieceBytes(), ALIGNMENT);
    }

    /// Waits until there may be a slot, or `unwanted` says that none is needed any more.
    synchronized void awaitSlot(BooleanSupplier unwanted) throws InterruptedException {
        while (free.isEmpty() && allocated == size.slots() && !unwanted.getAsBoolean()) { wait(WAKE_MS); }
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
