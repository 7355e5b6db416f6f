package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.UnitRows;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// A gradient buffer of every rank of a host, each mapped by all. A reduce-scatter is each rank reading the rows that it sums of all of them, as soon
/// as all are complete.
final class SharedGradient implements GradientBuffer {
    private final List<MemorySegment> byRank;
    private final ShmUses uses;
    private final UnitRowsCache rows;
    private final ShmControl control;
    private final int rank;
    private final Call call = new Call();
    private State state = State.IDLE;
    private UnitPlan unit;
    private MemorySegment accumulator;
    private boolean afresh;

    private enum State {
        IDLE, OFFERED, AWAITED, SUMMED
    }

    SharedGradient(List<MemorySegment> byRank, ShmUses uses, UnitRowsCache rows, ShmControl control, int rank) {
        this.byRank = byRank;
        this.uses = uses;
        this.rows = rows;
        this.control = control;
        this.rank = rank;
    }

    @Override
    public MemorySegment segment() {
        return byRank.get(rank);
    }

    MemorySegment of(int peer) {
        return byRank.get(peer);
    }

    Call call() {
        return call;
    }

    void checkIdle() {
        if (state != State.IDLE) { throw new AssertionError("a reduce-scatter from this buffer is in flight: " + call.describe()); }
    }

    /// Returns when no rank reads this rank's gradient any more.
    void claim() {
        checkIdle();
        uses.awaitFinishes(call);
    }

    void begin(UnitPlan newUnit, MemorySegment newAccumulator, boolean newAfresh) {
        unit = newUnit;
        accumulator = newAccumulator;
        afresh = newAfresh;
        state = State.OFFERED;
        uses.next();
        uses.offer();
        poll();
    }

    /// Adds the gradients if all are there.
    ///
    /// @return whether it did
    boolean poll() {
        if (state != State.OFFERED || !uses.allHaveOffered()) { return false; }
        sum();
        return true;
    }

    void await() {
        if (state == State.OFFERED) {
            state = State.AWAITED;          // what is done meanwhile is for others
            uses.awaitOffers(call);
            sum();
        }
        if (state != State.SUMMED) { throw new AssertionError("no reduce-scatter from this buffer has begun"); }
        state = State.IDLE;
    }

    /// One pass over memory: a cache-sized piece of the accumulator takes every rank's rows, in rank order, before the next.
    private void sum() {
        UnitRows table = rows.of(unit);
        long end = table.summedTo(rank);
        for (long at = table.summedFrom(rank); at < end; at += ChainSum.CHUNK_NUMEL) {
            table.forEach(rank, at, Math.min(at + ChainSum.CHUNK_NUMEL, end), this::add);
            control.progressed();
        }
        uses.finish();
        state = State.SUMMED;
    }

    private void add(long shardOffset, long unshardedOffset, long numel) {
        int r = 0;
        for (; r + 1 < byRank.size(); r += 2) {
            ChainSum.add(accumulator, 4 * shardOffset, byRank.get(r), byRank.get(r + 1), 4 * unshardedOffset, (int) numel, afresh && r == 0);
        }
        if (r < byRank.size()) { ChainSum.add(accumulator, 4 * shardOffset, byRank.get(r), 4 * unshardedOffset, (int) numel, afresh && r == 0); }
    }
}
