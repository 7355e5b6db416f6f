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
import java.util.function.BooleanSupplier;

/// Ranks of one host. An unsharded buffer is one segment that all map ([SharedGather]), so an all-gather is each rank writing its own rows
/// into place: no copies. A reduce-scatter is each rank reading the others' gradient segments once ([SharedGradient]). Neither needs a
/// barrier: counters say who has come how far with each buffer ([ShmUses]).
final class ShmGroup implements PolledGroup {
    private final GroupConfig config;
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final UnitRowsCache rows;
    private final ShmFiles files;
    private final ShmControl control;
    private final ShmPeers peers;
    private final Call call = new Call();           // of the calls that are complete when they return
    private final List<SharedGather> gathers = new ArrayList<>();
    private final List<SharedGradient> gradients = new ArrayList<>();
    private BooleanSupplier elsewhere = () -> false;
    private int buffers;
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
            calls.enter(call, Kind.OPEN, "group");
            control = new ShmControl(mapControl(name, patience), config.rank(), config.worldSize());
            control.enter(call);
            peers = new ShmPeers(control, calls, patience, config, () -> poll() | elsewhere.getAsBoolean());
            peers.barrier(call);
            if (config.rank() == 0) { files.unlink(name); }
            calls.leave(call);
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
                    "%s: rank 0 has not made %s for %.1f s".formatted(call.describe(), config.shmDirectory(),
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
    public GatherBuffer gatherBuffer(String name, long numel, DType dtype, DType shardDtype) {
        enter(Kind.ALLOCATE, name);
        long bytes = numel * dtype.bytes();
        String file = "gather-%d-%d".formatted(config.generation(), call.sequence());
        if (rank() == 0) { files.create(file, pages(bytes)); }
        peers.barrier(call);
        MemorySegment memory = files.map(file, pages(bytes), groupArena);
        peers.barrier(call);
        if (rank() == 0) { files.unlink(file); }
        allocatedBytes += bytes;
        calls.leave(call);
        var buffer = new SharedGather(memory.asSlice(0, bytes), dtype, shardDtype, new ShmUses(control, peers, buffers++), rows, rank());
        gathers.add(buffer);
        return buffer;
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        enter(Kind.ALLOCATE, name);
        long bytes = numel * DType.F32.bytes();
        String file = "gradient-%d-%d-rank-%%d".formatted(config.generation(), call.sequence());
        files.create(file.formatted(rank()), pages(bytes));
        peers.barrier(call);
        var byRank = new ArrayList<MemorySegment>();
        for (int r = 0; r < worldSize(); r++) {
            byRank.add(files.map(file.formatted(r), pages(bytes), groupArena).asSlice(0, bytes));
        }
        peers.barrier(call);
        files.unlink(file.formatted(rank()));
        allocatedBytes += bytes;
        calls.leave(call);
        var buffer = new SharedGradient(byRank, new ShmUses(control, peers, buffers++), rows, control, rank());
        gradients.add(buffer);
        return buffer;
    }

    private static long pages(long bytes) {
        return Math.max(1, Math.ceilDiv(bytes, 4096L)) * 4096;
    }

    @Override
    public void enterStep(long step) {
        calls.enterStep(step);
    }

    @Override
    public void beginAllGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        var buffer = (SharedGather) into;
        UnitRowsCache.check(unit, rows.of(unit), rank(), shard, into);
        buffer.checkIdle();
        control.enter(calls.enter(buffer.call(), Kind.ALL_GATHER, unit));
        buffer.begin(unit, shard);
        poll();
    }

    @Override
    public void awaitAllGather(GatherBuffer into) {
        var buffer = (SharedGather) into;
        poll();
        buffer.await();
        calls.leave(buffer.call());
    }

    @Override
    public void release(GatherBuffer buffer) {
        ((SharedGather) buffer).release();
        poll();
    }

    @Override
    public void claim(GradientBuffer buffer) {
        poll();
        ((SharedGradient) buffer).claim();
    }

    @Override
    public void beginReduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator, boolean afresh) {
        var buffer = (SharedGradient) from;
        UnitRowsCache.check(unit, rows.of(unit), rank(), accumulator, from.segment());
        buffer.checkIdle();
        control.enter(calls.enter(buffer.call(), Kind.REDUCE_SCATTER, unit));
        buffer.begin(unit, accumulator, afresh);
        poll();
    }

    @Override
    public void awaitReduceScatter(GradientBuffer from) {
        var buffer = (SharedGradient) from;
        poll();
        buffer.await();
        calls.leave(buffer.call());
    }

    @Override
    public void whileWaiting(BooleanSupplier other) {
        elsewhere = other;
    }

    /// Others may be waiting for it.
    @Override
    public boolean poll() {
        boolean worked = false;
        for (int i = 0; i < gathers.size(); i++) { worked |= gathers.get(i).poll(); }
        for (int i = 0; i < gradients.size(); i++) { worked |= gradients.get(i).poll(); }
        return worked;
    }

    /// Each puts its part into its own staging buffer, at its place in the shard, and reads the others' there.
    @Override
    public void shareSums(UnitPlan unit, GradientBuffer staging, MemorySegment accumulator) {
        UnitRows table = rows.of(unit);
        if (unit.shardWorldSize() == worldSize()) { return; }
        var buffer = (SharedGradient) staging;
        UnitRowsCache.check(unit, table, rank(), accumulator, staging.segment());
        buffer.claim();
        control.enter(calls.enter(call, Kind.SHARE_SUMS, unit));
        copySums(table, rank(), accumulator, staging.segment());
        peers.barrier(call);
        for (int r = rank() % unit.shardWorldSize(); r < worldSize(); r += unit.shardWorldSize()) {
            if (r != rank()) { copySums(table, r, buffer.of(r), accumulator); }
        }
        peers.barrier(call); // nobody overwrites a part that another still reads
        calls.leave(call);
    }

    private static void copySums(UnitRows table, int rank, MemorySegment from, MemorySegment to) {
        long at = 4 * table.summedFrom(rank);
        MemorySegment.copy(from, at, to, at, 4 * table.summedTo(rank) - at);
    }

    @Override
    public ScatterBuffer scatterBuffer(String name, long bytes, long partBytes) {
        enter(Kind.ALLOCATE, name);
        String file = "scatter-%d-%d".formatted(config.generation(), call.sequence());
        if (rank() == 0) { files.create(file, pages(bytes)); }
        peers.barrier(call);
        Arena bufferArena = Arena.ofShared();
        var buffer = new LocalScatter(bufferArena, files.map(file, pages(bytes), bufferArena).asSlice(0, bytes));
        peers.barrier(call);
        if (rank() == 0) { files.unlink(file); }
        calls.leave(call);
        return buffer;
    }

    /// All see rank 0's buffer. A rank that comes to the next scatter has done with this one's part.
    @Override
    public MemorySegment scatter(UnitPlan unit, ScatterBuffer from, Parts parts) {
        control.enter(calls.enter(call, Kind.SCATTER, unit));
        peers.barrier(call);
        MemorySegment part = from.segment().asSlice(parts.offset(rank()), parts.bytes(rank()));
        calls.leave(call);
        return part;
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        if (mine.length > ShmControl.MESSAGE_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "exchange %s: %d bytes; at most %d".formatted(what, mine.length, ShmControl.MESSAGE_BYTES_MAX));
        }
        enter(Kind.EXCHANGE, what);
        control.writeMessage(mine);
        peers.barrier(call);
        var all = new ArrayList<byte[]>();
        for (int r = 0; r < worldSize(); r++) {
            all.add(control.readMessage(r));
        }
        peers.barrier(call); // nobody overwrites a message that another still reads
        calls.leave(call);
        return List.copyOf(all);
    }

    @Override
    public void barrier(String what) {
        enter(Kind.BARRIER, what);
        peers.barrier(call);
        calls.leave(call);
    }

    private void enter(Kind kind, String what) {
        control.enter(calls.enter(call, kind, what));
    }

    @Override
    public long waitedNs() {
        return peers.waitedNs();
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
}
