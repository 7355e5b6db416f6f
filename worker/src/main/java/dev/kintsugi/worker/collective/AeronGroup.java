package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.DirectSchedule;
import dev.kintsugi.sharding.schedule.DirectSchedule.Collective;
import dev.kintsugi.sharding.schedule.ReduceTurns;
import dev.kintsugi.sharding.schedule.Transfer;
import dev.kintsugi.sharding.schedule.UnitRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Ranks on several hosts (or on one, for comparison). Every call sends and receives at once, until both are complete; a gather buffer
/// is this rank's own and is written only inside its own call, so nobody has to wait before a call.
final class AeronGroup implements CollectiveGroup {
    private static final int WINDOW_MESSAGES = 8;       // 64 KiB of one source before the next one's turn
    private static final int EXCHANGE_BYTES_MAX = 1 << 16;

    private final GroupConfig config;
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final Call call = new Call();
    private final UnitRowsCache rows;
    private final AeronStreams streams;
    private final AeronPump pump;
    private final ReduceTurns turns;
    private final List<List<Transfer>> sends = new ArrayList<>();         // by Collective
    private final List<List<Transfer>> receives = new ArrayList<>();
    private long allocatedBytes;

    static AeronGroup open(GroupConfig config, AeronSettings settings) {
        return new AeronGroup(config, settings);
    }

    private AeronGroup(GroupConfig config, AeronSettings settings) {
        this.config = config;
        this.rows = new UnitRowsCache(config.worldSize());
        for (Collective c : Collective.values()) {
            sends.add(DirectSchedule.sends(c, config.rank(), config.worldSize()));
            receives.add(DirectSchedule.receives(c, config.rank(), config.worldSize()));
        }
        calls.enter(call, Kind.OPEN, "group");
        streams = new AeronStreams(config, settings, calls, call);
        try {
            var patience = new Patience(config.timeout(), config.worldSize() + 1);       // the media driver needs a processor too
            pump = new AeronPump(streams, call, patience);
            turns = new ReduceTurns(config.worldSize(), (long) WINDOW_MESSAGES * streams.payloadBytes());
            streams.connect(patience, call);
            swap(new byte[0]);
            calls.leave(call);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
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
        return allocate(name, numel, dtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        return allocate(name, numel, DType.F32);
    }

    private LocalBuffer allocate(String name, long numel, DType dtype) {
        calls.enter(call, Kind.ALLOCATE, name);
        var buffer = LocalBuffer.allocate(groupArena, numel, dtype);
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
        UnitRows table = rows.of(unit);
        MemorySegment unsharded = into.segment();
        UnitRowsCache.check(unit, table, rank(), shard, unsharded, into.dtype());
        calls.enter(call, Kind.ALL_GATHER, unit);
        rows.place(unit, rank(), shard, into);
        int size = into.dtype().bytes();
        sendRows(table, Collective.ALL_GATHER, unsharded, size);
        for (Transfer t : receives.get(Collective.ALL_GATHER.ordinal())) {
            streams.from(t.from()).begin(size * table.shardNumel(t.rowsOf()), (from, to, address) -> table.forEach(t.rowsOf(), from / size,
                    to / size, (shardOffset, unshardedOffset, numel) -> MemorySegment.copy(AeronMessage.MEMORY, address + size * shardOffset - from,
                            unsharded, size * unshardedOffset, size * numel)));
        }
        pump.run();
        calls.leave(call);
    }

    @Override
    public void beginReduceScatter(UnitPlan unit, GradientBuffer gradient, MemorySegment accumulator, boolean afresh) {
        UnitRows table = rows.of(unit);
        MemorySegment unsharded = gradient.segment();
        UnitRowsCache.check(unit, table, rank(), accumulator, unsharded, DType.F32);
        calls.enter(call, Kind.REDUCE_SCATTER, unit);
        sendRows(table, Collective.REDUCE_SCATTER, unsharded, DType.F32.bytes());
        for (Transfer t : receives.get(Collective.REDUCE_SCATTER.ordinal())) {
            streams.from(t.from()).begin(4 * table.shardNumel(rank()),
                    (from, to, address) -> ChainSum.add(accumulator, from, AeronMessage.MEMORY, address, (int) (to - from) / 4,
                            afresh && t.from() == 0));
        }
        turns.begin(4 * table.shardNumel(rank()));
        pump.run(() -> reduce(table, unsharded, accumulator, afresh), turns::isDone, turns::source);
        calls.leave(call);
    }

    /// Does the turns whose contribution is there.
    private int reduce(UnitRows table, MemorySegment unsharded, MemorySegment accumulator, boolean afresh) {
        int work = 0;
        while (!turns.isDone()) {
            if (turns.source() == rank()) {
                table.forEach(rank(), turns.from() / 4, turns.to() / 4, (shardOffset, unshardedOffset, numel) -> ChainSum.add(accumulator,
                        4 * shardOffset, unsharded, 4 * unshardedOffset, (int) numel, afresh && rank() == 0));
            } else {
                Incoming source = streams.from(turns.source());
                work += source.poll(turns.to());
                if (source.offset() < turns.to()) { return work; }
            }
            turns.next();
            work++;
        }
        return work;
    }

    @Override
    public void awaitAllGather(GatherBuffer into) {
        // Was complete when it began.
    }

    @Override
    public void release(GatherBuffer buffer) {
        // It is this rank's own.
    }

    @Override
    public void claim(GradientBuffer buffer) {
        // It is this rank's own, and all of it was sent.
    }

    @Override
    public void awaitReduceScatter(GradientBuffer from) {
        // Was complete when it began.
    }

    @Override
    public long waitedNs() {
        return 0;
    }

    @Override
    public void scatter(UnitPlan unit, GradientBuffer buffer, MemorySegment shard) {
        UnitRows table = rows.of(unit);
        MemorySegment unsharded = buffer.segment();
        UnitRowsCache.check(unit, table, rank(), shard, unsharded, DType.F32);
        calls.enter(call, Kind.SCATTER, unit);
        sendRows(table, Collective.SCATTER, unsharded, DType.F32.bytes());
        for (Transfer t : receives.get(Collective.SCATTER.ordinal())) {
            streams.from(t.from()).begin(4 * table.shardNumel(rank()),
                    (from, to, address) -> MemorySegment.copy(AeronMessage.MEMORY, address, shard, from, to - from));
        }
        if (rank() == 0) { rows.take(unit, rank(), unsharded, shard); }
        pump.run();
        calls.leave(call);
    }

    /// Begins to send peers rows of an unsharded buffer whose elements have `size` bytes, in the order of the shard that they belong to.
    private void sendRows(UnitRows table, Collective collective, MemorySegment unsharded, int size) {
        for (Transfer t : sends.get(collective.ordinal())) {
            streams.to(t.to()).begin(size * table.shardNumel(t.rowsOf()), (from, to, address) -> table.forEach(t.rowsOf(), from / size, to / size,
                    (shardOffset, unshardedOffset, numel) -> MemorySegment.copy(unsharded, size * unshardedOffset, AeronMessage.MEMORY,
                            address + size * shardOffset - from, size * numel)));
        }
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        if (mine.length > EXCHANGE_BYTES_MAX) {
            throw new IllegalArgumentException("exchange %s: %d bytes; at most %d".formatted(what, mine.length, EXCHANGE_BYTES_MAX));
        }
        calls.enter(call, Kind.EXCHANGE, what);
        List<byte[]> all = swap(mine);
        calls.leave(call);
        return all;
    }

    @Override
    public void barrier(String what) {
        calls.enter(call, Kind.BARRIER, what);
        swap(new byte[0]);
        calls.leave(call);
    }

    private List<byte[]> swap(byte[] mine) {
        MemorySegment own = MemorySegment.ofArray(mine);
        MemorySegment all = MemorySegment.ofArray(new byte[worldSize() * EXCHANGE_BYTES_MAX]);
        for (Outgoing o : streams.outgoing()) {
            o.beginUnannounced(mine.length, (from, to, address) -> MemorySegment.copy(own, from, AeronMessage.MEMORY, address, to - from));
        }
        for (Incoming i : streams.sources()) {
            i.beginUnannounced((from, to, address) -> MemorySegment.copy(AeronMessage.MEMORY, address, all,
                    (long) i.peer() * EXCHANGE_BYTES_MAX + from, to - from));
        }
        pump.run();
        var messages = new ArrayList<byte[]>();
        for (int r = 0; r < worldSize(); r++) {
            messages.add(r == rank() ? mine.clone() : message(all, r));
        }
        return List.copyOf(messages);
    }

    private byte[] message(MemorySegment all, int peer) {
        return all.asSlice((long) peer * EXCHANGE_BYTES_MAX, streams.from(peer).offset()).toArray(ValueLayout.JAVA_BYTE);
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
        if (!groupArena.scope().isAlive()) { return; }
        streams.close();
        groupArena.close();
    }
}
