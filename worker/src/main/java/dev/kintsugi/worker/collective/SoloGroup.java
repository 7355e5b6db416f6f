package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.UnitRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// A group of one rank, for every transport: copies and additions, nobody to wait for.
final class SoloGroup implements CollectiveGroup {
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final UnitRowsCache rows = new UnitRowsCache(1);
    private long allocatedBytes;

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int worldSize() {
        return 1;
    }

    @Override
    public GatherBuffer gatherBuffer(String name, long numel, DType dtype) {
        return allocate(name, numel, dtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        return allocate(name, numel, DType.F32);
    }

    private LocalBuffer allocate(String name, long numel, DType dtype) {
        calls.enter(Kind.ALLOCATE, name);
        var buffer = LocalBuffer.allocate(groupArena, numel, dtype);
        allocatedBytes += numel * dtype.bytes();
        calls.leave();
        return buffer;
    }

    @Override
    public void enterStep(long step) {
        calls.enterStep(step);
    }

    @Override
    public void allGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        UnitRowsCache.check(unit, rows.of(unit), 0, shard, into.segment(), into.dtype());
        calls.enter(Kind.ALL_GATHER, unit.name(), unit.index());
        rows.place(unit, 0, shard, into);
        calls.leave();
    }

    @Override
    public void reduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator) {
        UnitRows table = rows.of(unit);
        UnitRowsCache.check(unit, table, 0, accumulator, from.segment(), DType.F32);
        calls.enter(Kind.REDUCE_SCATTER, unit.name(), unit.index());
        for (long at = 0; at < table.shardNumel(0); at += ChainSum.CHUNK_NUMEL) {
            table.forEach(0, at, Math.min(at + ChainSum.CHUNK_NUMEL, table.shardNumel(0)), (shardOffset, unshardedOffset,
                    numel) -> ChainSum.add(accumulator, 4 * shardOffset, from.segment(), 4 * unshardedOffset, (int) numel));
        }
        calls.leave();
    }

    @Override
    public void scatter(UnitPlan unit, GradientBuffer from, MemorySegment shard) {
        UnitRowsCache.check(unit, rows.of(unit), 0, shard, from.segment(), DType.F32);
        calls.enter(Kind.SCATTER, unit.name(), unit.index());
        rows.take(unit, 0, from.segment(), shard);
        calls.leave();
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        calls.enter(Kind.EXCHANGE, what);
        calls.leave();
        return List.of(mine.clone());
    }

    @Override
    public void barrier(String what) {
        calls.enter(Kind.BARRIER, what);
        calls.leave();
    }

    @Override
    public Journal journal() {
        return calls.journal();
    }

    @Override
    public long allocatedBytes() {
        return allocatedBytes;
    }

    @Override
    public void close() {
        if (groupArena.scope().isAlive()) { groupArena.close(); }
    }
}
