package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import java.lang.foreign.MemorySegment;

/// A gather buffer that all ranks of a host map. A gather is each rank writing its rows into place, as soon as all have finished
/// with what was there.
final class SharedGather implements GatherBuffer {
    private final MemorySegment segment;
    private final DType dtype;
    private final DType shardDtype;
    private final ShmUses uses;
    private final UnitRowsCache rows;
    private final int rank;
    private final Call call = new Call();
    private State state = State.IDLE;
    private UnitPlan unit;
    private MemorySegment shard;

    private enum State {
        IDLE, BEGUN, PLACED, AWAITED
    }

    SharedGather(MemorySegment segment, DType dtype, DType shardDtype, ShmUses uses, UnitRowsCache rows, int rank) {
        this.segment = segment;
        this.dtype = dtype;
        this.shardDtype = shardDtype;
        this.uses = uses;
        this.rows = rows;
        this.rank = rank;
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public DType shardDtype() {
        return shardDtype;
    }

    Call call() {
        return call;
    }

    void checkIdle() {
        if (state != State.IDLE) { throw new AssertionError("a gather into this buffer is in flight: " + call.describe()); }
    }

    void begin(UnitPlan newUnit, MemorySegment newShard) {
        unit = newUnit;
        shard = newShard;
        state = State.BEGUN;
        uses.finish();
        poll();
    }

    /// Writes this rank's rows if nobody needs what they replace any more.
    ///
    /// @return whether it did
    boolean poll() {
        if (state != State.BEGUN || !uses.allHaveFinished()) { return false; }
        place();
        return true;
    }

    private void place() {
        uses.next();
        rows.place(unit, rank, shard, this);
        uses.offer();
        state = State.PLACED;
    }

    void await() {
        if (state == State.BEGUN) {
            state = State.AWAITED;          // what is done meanwhile is for others
            uses.awaitFinishes(call);
            place();
        }
        if (state != State.PLACED) { throw new AssertionError("no gather into this buffer has begun"); }
        uses.awaitOffers(call);
        state = State.IDLE;
    }

    void release() {
        checkIdle();
        uses.finish();
    }
}
