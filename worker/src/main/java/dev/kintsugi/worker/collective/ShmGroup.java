package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.UnitRows;
import dev.kintsugi.worker.failure.WorldException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Ranks of one host. The unsharded buffer is one segment that all map, so an all-gather is each rank writing its own rows
/// into place between two barriers: no copies. A reduce-scatter is each rank reading the others' gradient segments once.
final class ShmGroup implements CollectiveGroup {
    private final GroupConfig config;
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final UnitRowsCache rows;
    private final ShmFiles files;
    private final ShmControl control;
    private final ShmBarrier barrier;
    private long allocatedBytes;

    static ShmGroup open(GroupConfig config) {
        return new ShmGroup(config);
    }

    private ShmGroup(GroupConfig config) {
        this.config = config;
        this.rows = new UnitRowsCache(config.worldSize());
        this.files = new ShmFiles(config.shmDirectory());
        try {
            var patience = new Patience(config.timeout(), config.worldSize());
            String name = "control-" + config.generation();
            calls.enter(Kind.OPEN, "group");
            control = new ShmControl(mapControl(name, patience), config.rank(), config.worldSize());
            barrier = new ShmBarrier(control, calls, patience, config);
            barrier.await();
            if (config.rank() == 0) { files.unlink(name); }
            calls.leave();
        } catch (RuntimeException | Error e) {
            groupArena.close();
            throw e;
        }
    }

    private MemorySegment mapControl(String name, Patience patience) {
        long bytes = ShmControl.bytes(config.worldSize());
        if (config.rank() == 0) {
            files.create(name, bytes);
            MemorySegment memory = files.map(name, bytes, groupArena);
            ShmControl.writeHeader(memory, config);
            return memory;
        }
        patience.progressed();
        while (!files.exists(name)) {
            restOrGiveUp(patience);
        }
        MemorySegment memory = files.map(name, bytes, groupArena);
        Optional<Boolean> matches = ShmControl.headerMatches(memory, config);
        while (matches.isEmpty()) {
            restOrGiveUp(patience);
            matches = ShmControl.headerMatches(memory, config);
        }
        if (!matches.get()) {
            throw new WorldException("stale_generation",
                    "%s belongs to another job, generation or world size than job=%s generation=%d worldSize=%d"
                            .formatted(files.path(name), config.jobId(), config.generation(), config.worldSize()));
        }
        return memory;
    }

    private void restOrGiveUp(Patience patience) {
        if (!patience.rest()) {
            throw new CollectiveTimeoutException(
                    "%s: rank 0 has not made %s for %.1f s".formatted(calls.describe(), config.shmDirectory(),
                            config.timeout().toMillis() / 1e3));
        }
    }

    @Override
    public int rank() {
        return config.rank();
    }

    @Override
    public int worldSize() {
        return config.worldSize();
    }

    @Override
    public GatherBuffer gatherBuffer(String name, long numel, DType dtype) {
        calls.enter(Kind.ALLOCATE, name);
        long bytes = numel * dtype.bytes();
        String file = "gather-%d-%d".formatted(config.generation(), calls.sequence());
        if (rank() == 0) { files.create(file, pages(bytes)); }
        barrier.await();
        MemorySegment memory = files.map(file, pages(bytes), groupArena);
        barrier.await();
        if (rank() == 0) { files.unlink(file); }
        allocatedBytes += bytes;
        calls.leave();
        return new SharedGather(memory.asSlice(0, bytes), dtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        calls.enter(Kind.ALLOCATE, name);
        long bytes = numel * DType.F32.bytes();
        String file = "gradient-%d-%d-rank-%%d".formatted(config.generation(), calls.sequence());
        files.create(file.formatted(rank()), pages(bytes));
        barrier.await();
        var byRank = new ArrayList<MemorySegment>();
        for (int r = 0; r < worldSize(); r++) {
            byRank.add(files.map(file.formatted(r), pages(bytes), groupArena).asSlice(0, bytes));
        }
        barrier.await();
        files.unlink(file.formatted(rank()));
        allocatedBytes += bytes;
        calls.leave();
        return new SharedGradient(rank(), byRank);
    }

    private static long pages(long bytes) {
        return Math.max(1, Math.ceilDiv(bytes, 4096L)) * 4096;
    }

    @Override
    public void enterStep(long step) {
        calls.enterStep(step);
    }

    @Override
    public void allGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        UnitRowsCache.check(unit, rows.of(unit), rank(), shard, into.segment(), into.dtype());
        calls.enter(Kind.ALL_GATHER, unit.name(), unit.index());
        barrier.await();
        rows.place(unit, rank(), shard, into);
        barrier.await();
        calls.leave();
    }

    @Override
    public void reduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator) {
        var gradients = (SharedGradient) from;
        UnitRowsCache.check(unit, rows.of(unit), rank(), accumulator, gradients.segment(), DType.F32);
        calls.enter(Kind.REDUCE_SCATTER, unit.name(), unit.index());
        barrier.await();
        sum(rows.of(unit), gradients.byRank(), accumulator);
        barrier.await();
        calls.leave();
    }

    /// One pass over memory: a cache-sized piece of the accumulator takes every rank's rows, in rank order, before the next.
    private void sum(UnitRows table, List<MemorySegment> byRank, MemorySegment accumulator) {
        long numel = table.shardNumel(rank());
        for (long at = 0; at < numel; at += ChainSum.CHUNK_NUMEL) {
            table.forEach(rank(), at, Math.min(at + ChainSum.CHUNK_NUMEL, numel), (shardOffset, unshardedOffset, n) -> {
                for (int r = 0; r < worldSize(); r++) {
                    ChainSum.add(accumulator, 4 * shardOffset, byRank.get(r), 4 * unshardedOffset, (int) n);
                }
            });
            control.progressed();
        }
    }

    @Override
    public void scatter(UnitPlan unit, GradientBuffer from, MemorySegment shard) {
        MemorySegment unsharded = ((SharedGradient) from).byRank().getFirst();
        UnitRowsCache.check(unit, rows.of(unit), rank(), shard, unsharded, DType.F32);
        calls.enter(Kind.SCATTER, unit.name(), unit.index());
        barrier.await();
        rows.take(unit, rank(), unsharded, shard);
        barrier.await();
        calls.leave();
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        if (mine.length > ShmControl.MESSAGE_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "exchange %s: %d bytes; at most %d".formatted(what, mine.length, ShmControl.MESSAGE_BYTES_MAX));
        }
        calls.enter(Kind.EXCHANGE, what);
        control.writeMessage(mine);
        barrier.await();
        var all = new ArrayList<byte[]>();
        for (int r = 0; r < worldSize(); r++) {
            all.add(control.readMessage(r));
        }
        barrier.await(); // nobody overwrites a message that another still reads
        calls.leave();
        return List.copyOf(all);
    }

    @Override
    public void barrier(String what) {
        calls.enter(Kind.BARRIER, what);
        barrier.await();
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

    /// Peers that still wait for this rank learn that it has left.
    @Override
    public void close() {
        if (!groupArena.scope().isAlive()) { return; }
        control.close();
        groupArena.close();
    }

    private record SharedGather(MemorySegment segment, DType dtype) implements GatherBuffer {}

    private record SharedGradient(int rank, List<MemorySegment> byRank) implements GradientBuffer {
        @Override
        public MemorySegment segment() {
            return byRank.get(rank);
        }
    }
}
