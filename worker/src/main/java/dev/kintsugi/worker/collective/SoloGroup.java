package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.UnitRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BooleanSupplier;

/// A group of one rank, for every transport: copies and additions, nobody to wait for.
final class SoloGroup implements PolledGroup {
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final Call call = new Call();
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
    public GatherBuffer gatherBuffer(String name, long numel, DType dtype, DType shardDtype) {
        return allocate(name, numel, dtype, shardDtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        return allocate(name, numel, DType.F32, DType.F32);
    }

    private LocalBuffer allocate(String name, long numel, DType dtype, DType shardDtype) {
        calls.enter(call, Kind.ALLOCATE, name);
        var buffer = LocalBuffer.allocate(groupArena, numel, dtype, shardDtype);
        allocatedBytes += numel * dtype.bytes();
        calls.leave(call);
        return buffer;
    }

    @Override
    public void enterStep(long step) {
        calls.enterStep(step);
    }

    @Override
    public void beginAllGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        UnitRowsCache.check(unit, rows.of(unit), 0, shard, into);
        calls.enter(call, Kind.ALL_GATHER, unit);
        rows.place(unit, 0, shard, into);
        calls.leave(call);
    }

    @Override
    public void beginReduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator, boolean afresh) {
        UnitRows table = rows.of(unit);
        UnitRowsCache.check(unit, table, 0, accumulator, from.segment());
        calls.enter(call, Kind.REDUCE_SCATTER, unit);
        for (long at = 0; at < table.shardNumel(0); at += ChainSum.CHUNK_NUMEL) {
            table.forEach(0, at, Math.min(at + ChainSum.CHUNK_NUMEL, table.shardNumel(0)), (shardOffset, unshardedOffset,
                    numel) -> ChainSum.add(accumulator, 4 * shardOffset, from.segment(), 4 * unshardedOffset, (int) numel, afresh));
        }
        calls.leave(call);
    }

    @Override
    public void awaitAllGather(GatherBuffer into) {
        // Was complete when it began.
    }

    @Override
    public void release(GatherBuffer buffer) {
        // Nobody waits for it.
    }

    @Override
    public void claim(GradientBuffer buffer) {
        // Nobody reads it.
    }

    @Override
    public void awaitReduceScatter(GradientBuffer from) {
        // Was complete when it began.
    }

    @Override
    public void shareSums(UnitPlan unit, GradientBuffer staging, MemorySegment accumulator) {
        // The accumulator has all.
    }

    @Override
    public boolean poll() {
        return false;
    }

    @Override
    public void whileWaiting(BooleanSupplier other) {
        // Never waits.
    }

    @Override
    public long waitedNs() {
        return 0;
    }

    @Override
    public ScatterBuffer scatterBuffer(String name, long bytes, long partBytes) {
        calls.enter(call, Kind.ALLOCATE, name);
        var buffer = LocalScatter.allocate(bytes);
        calls.leave(call);
        return buffer;
    }

    @Override
    public MemorySegment scatter(UnitPlan unit, ScatterBuffer from, Parts parts) {
        calls.enter(call, Kind.SCATTER, unit);
        MemorySegment part = from.segment().asSlice(parts.offset(0), parts.bytes(0));
        calls.leave(call);
        return part;
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        calls.enter(call, Kind.EXCHANGE, what);
        calls.leave(call);
        return List.of(mine.clone());
    }

    @Override
    public void barrier(String what) {
        calls.enter(call, Kind.BARRIER, what);
        calls.leave(call);
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
