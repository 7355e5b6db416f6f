package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.worker.checkpoint.StatePieces.Piece;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/// The state of a step boundary, while training changes it: copied piece by piece, each before the optimizer touches it.
///
/// Three threads work on it. The *taking* thread copies pieces in file order, as far ahead as the pool has slots. The *writing* thread takes them from
/// their slots to storage. The *training* thread, before it updates a unit, copies those of the unit's pieces that nobody has copied yet; it never
/// waits for the other two. When there is no slot left the snapshot is lost, and training goes on.
///
/// A piece is `LIVE` until it is claimed. The taking thread copies first and claims then: if the training thread was faster the copy may be torn, and
/// is thrown away. The training thread claims first, copies, and only then changes the state.
final class Snapshot implements AutoCloseable {
    private static final int LIVE = 0;
    private static final int CLAIMED = 1;
    private static final int HELD = 2;          // its slot has it
    private static final long WAKE_MS = 100;

    private final StatePieces pieces;
    private final ShardBuffers state;
    private final PiecePool pool;
    private final AtomicIntegerArray stages;
    private final MemorySegment[] slots;
    private final ReentrantLock slotsInUse = new ReentrantLock();       // held by the training thread while it copies, and for good by close
    private volatile boolean abandoned;
    private int next;                           // of the taking thread

    Snapshot(StatePieces pieces, ShardBuffers state, SnapshotPool size, LongSupplier spareBytes) {
        this.pieces = pieces;
        this.state = state;
        this.pool = new PiecePool(size, spareBytes);
        this.stages = new AtomicIntegerArray(pieces.count());
        this.slots = new MemorySegment[pieces.count()];
    }

    /// The training thread is about to change a unit's weights and slots.
    ///
    /// @return false, once, when the snapshot is lost because the pool has no slot left
    boolean preserve(int unit) {
        if (abandoned || !slotsInUse.tryLock()) { return true; }        // closed: all was written, or nobody wants it
        try {
            for (int index : pieces.ofUnit().get(unit)) {
                if (stages.get(index) == LIVE && !preservePiece(index)) {
                    abandon();
                    return false;
                }
            }
            return true;
        } finally {
            slotsInUse.unlock();
        }
    }

    private boolean preservePiece(int index) {
        MemorySegment slot = pool.tryTake();
        if (slot == null) { return stages.get(index) != LIVE; }
        if (!stages.compareAndSet(index, LIVE, CLAIMED)) {
            pool.giveBack(slot);
            return true;
        }
        pieces.get(index).copy(state, slot);
        hold(index, slot);
        return true;
    }

    /// What became of an attempt to copy the next piece.
    enum Taking { TOOK, POOL_FULL, NOTHING_LEFT }

    /// Copies the next piece that nobody has.
    Taking takeNext() {
        while (next < stages.length() && stages.get(next) != LIVE) { next++; }
        if (next == stages.length() || abandoned) { return Taking.NOTHING_LEFT; }
        MemorySegment slot = pool.tryTake();
        if (slot == null) { return Taking.POOL_FULL; }
        pieces.get(next).copy(state, slot);
        // Pairs with the training thread's claim: if this one succeeds, what was read above was not changed yet.
        if (stages.compareAndSet(next, LIVE, CLAIMED)) {
            hold(next, slot);
        } else {
            pool.giveBack(slot);
        }
        return Taking.TOOK;
    }

    /// For the taking thread, when the pool is full.
    void awaitSlot() throws InterruptedException {
        pool.awaitSlot(() -> abandoned || stages.get(next) != LIVE);
    }

    private void hold(int index, MemorySegment slot) {
        slots[index] = slot;
        stages.set(index, HELD);
        synchronized (this) { notifyAll(); }
    }

    /// The bytes of a piece, when it has been copied. Borrowed until [#written].
    ///
    /// @return null when the snapshot was abandoned
    MemorySegment await(Piece piece) throws InterruptedException {
        synchronized (this) {
            while (!abandoned && !isHeld(piece)) { wait(WAKE_MS); }
        }
        return abandoned ? null : slots[piece.index()].asSlice(0, piece.bytes());
    }

    /// Whether [#await] would not wait.
    boolean isHeld(Piece piece) {
        return stages.get(piece.index()) == HELD;
    }

    /// Frees the piece's slot.
    void written(Piece piece) {
        pool.giveBack(slots[piece.index()]);
        slots[piece.index()] = null;
    }

    /// See [PiecePool#isShortOfMemory].
    boolean isShortOfMemory() {
        return pool.isShortOfMemory();
    }

    /// Nobody wants it any more: threads that work on it end soon.
    void abandon() {
        abandoned = true;
        synchronized (this) { notifyAll(); }
    }

    long allocatedBytes() {
        return pool.allocatedBytes();
    }

    /// Frees the slots. Only when the taking and the writing thread have ended.
    @Override
    public void close() {
        abandoned = true;
        slotsInUse.lock();          // never released: the training thread finds nothing to preserve
        pool.close();
    }
}
