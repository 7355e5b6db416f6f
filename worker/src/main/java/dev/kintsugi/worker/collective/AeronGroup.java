package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.DirectSchedule;
import dev.kintsugi.sharding.schedule.DirectSchedule.Collective;
import dev.kintsugi.sharding.schedule.Transfer;
import dev.kintsugi.sharding.schedule.UnitRows;
import dev.kintsugi.worker.collective.Incoming.Sink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/// Ranks on several hosts (or on one, for comparison). A call hands an operation to the pump's thread, which sends and receives at once
/// while the rank computes, and awaits it. A gather buffer is this rank's own and is written only between a gather's beginning and its
/// end, so nobody has to be waited for before.
final class AeronGroup implements PolledGroup {
    private static final int WINDOW_BYTES = 256 << 10;         // of one source before the next one's turn; stays in the second-level cache
    private static final long PLACED_NUMEL = 1 << 16;          // rows that are placed before they may be sent
    private static final int EXCHANGE_BYTES_MAX = 1 << 16;

    private final GroupConfig config;
    private final Arena groupArena = Arena.ofShared();
    private final CallLog calls = new CallLog();
    private final UnitRowsCache rows;
    private final AeronStreams streams;
    private final Patience patience;
    private final AeronOperation operation;                     // of the calls that are complete when they return
    private AeronPump pump;
    private final List<List<Transfer>> sends = new ArrayList<>();         // by Collective
    private final List<List<Transfer>> receives = new ArrayList<>();
    private long allocatedBytes;
    private BooleanSupplier elsewhere = () -> false;
    private long waitedNs;

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
        patience = new Patience(config.timeout(), config.worldSize() + 1);       // the media driver needs a processor too
        streams = new AeronStreams(config, settings, calls);
        operation = newOperation();
        Call call = calls.enter(operation.call(), Kind.OPEN, "group");
        try {
            streams.connect(patience, call);
            pump = new AeronPump(streams);
            swap(new byte[0]);
            calls.leave(call);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private AeronOperation newOperation() {
        int payloadBytes = streams.payloadBytes();
        return new AeronOperation(rank(), worldSize(), (long) Math.max(1, WINDOW_BYTES / payloadBytes) * payloadBytes);
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
        return allocate(name, numel, dtype, shardDtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        return allocate(name, numel, DType.F32, DType.F32);
    }

    private AeronBuffer allocate(String name, long numel, DType dtype, DType shardDtype) {
        Call call = calls.enter(operation.call(), Kind.ALLOCATE, name);
        var buffer = new AeronBuffer(LocalBuffer.allocate(groupArena, numel, dtype, shardDtype), newOperation());
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
        UnitRowsCache.check(unit, table, rank(), shard, into);
        AeronOperation o = ((AeronBuffer) into).operation();
        awaitSent(o);
        calls.enter(o.call(), Kind.ALL_GATHER, unit);
        o.begin();
        int size = into.dtype().bytes();
        sendRows(o, table, Collective.ALL_GATHER, unsharded, size, 0);
        for (Transfer t : receives.get(Collective.ALL_GATHER.ordinal())) {
            o.receive(t.from(), size * table.shardNumel(t.rowsOf()), (from, to, address) -> table.forEach(t.rowsOf(), from / size,
                    to / size, (shardOffset, unshardedOffset, numel) -> MemorySegment.copy(AeronMessage.MEMORY, address + size * shardOffset - from,
                            unsharded, size * unshardedOffset, size * numel)));
        }
        pump.submit(o);
        // The pump sends what is there already.
        long numel = table.shardNumel(rank());
        for (long at = 0; at < numel; at += PLACED_NUMEL) {
            long to = Math.min(numel, at + PLACED_NUMEL);
            rows.place(unit, rank(), shard, into, at, to);
            o.makeAvailable(size * to);
        }
    }

    @Override
    public void awaitAllGather(GatherBuffer into) {
        awaitReceived(into);
    }

    @Override
    public void release(GatherBuffer buffer) {
        // Nobody else sees it.
    }

    @Override
    public void claim(GradientBuffer buffer) {
        awaitSent(((AeronBuffer) buffer).operation());
    }

    @Override
    public void beginReduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator, boolean afresh) {
        UnitRows table = rows.of(unit);
        MemorySegment unsharded = from.segment();
        UnitRowsCache.check(unit, table, rank(), accumulator, unsharded);
        AeronOperation o = ((AeronBuffer) from).operation();
        awaitSent(o);
        calls.enter(o.call(), Kind.REDUCE_SCATTER, unit);
        o.begin();
        sendRows(o, table, Collective.REDUCE_SCATTER, unsharded, DType.F32.bytes(), Long.MAX_VALUE);
        long first = 4 * table.summedFrom(rank());
        var sinks = new Sink[worldSize()];
        for (int r = 0; r < worldSize(); r++) {
            boolean begins = afresh && r == 0;
            sinks[r] = r == rank() ? own(table, unsharded, accumulator, begins)
                    : (begin, end, address) -> ChainSum.add(accumulator, first + begin, AeronMessage.MEMORY, address, (int) (end - begin) / 4, begins);
        }
        o.receiveInTurns(4 * table.summedTo(rank()) - first, sinks);
        pump.submit(o);
    }

    private Sink own(UnitRows table, MemorySegment unsharded, MemorySegment accumulator, boolean begins) {
        long first = table.summedFrom(rank());
        return (from, to, _) -> table.forEach(rank(), first + from / 4, first + to / 4, (shardOffset, unshardedOffset, numel) -> ChainSum
                .add(accumulator, 4 * shardOffset, unsharded, 4 * unshardedOffset, (int) numel, begins));
    }

    @Override
    public void awaitReduceScatter(GradientBuffer from) {
        awaitReceived((AeronBuffer) from);
    }

    private void awaitReceived(Object buffer) {
        AeronOperation o = ((AeronBuffer) buffer).operation();
        await(o, AeronOperation::isReceived);
        calls.leave(o.call());
    }

    private void awaitSent(AeronOperation o) {
        await(o, AeronOperation::isComplete);
    }

    /// Waits for the pump, as long as it makes progress.
    private void await(AeronOperation o, Predicate<AeronOperation> milestone) {
        pump.check();
        if (milestone.test(o)) { return; }
        long sinceNs = System.nanoTime();
        pump.wakeFor(o);
        patience.progressed();
        long progress = pump.progress();
        while (!milestone.test(o)) {
            pump.check();
            long now = pump.progress();
            if (now != progress) { patience.progressed(); }
            progress = now;
            if (patience.worthLooking()) { pump.checkAlive(o); }
            if (!elsewhere.getAsBoolean() && !patience.rest() && !milestone.test(o)) { throw timeout(o); }
        }
        waitedNs += System.nanoTime() - sinceNs;
    }

    private CollectiveTimeoutException timeout(AeronOperation o) {
        return new CollectiveTimeoutException("%s: %.1f s late, no progress for %.1f s: %s".formatted(o.call().describe(), o.call().secondsInside(),
                patience.timeoutSeconds(), pump.describeLate(o)));
    }

    @Override
    public void shareSums(UnitPlan unit, GradientBuffer staging, MemorySegment accumulator) {
        UnitRows table = rows.of(unit);
        if (unit.shardWorldSize() == worldSize()) { return; }
        UnitRowsCache.check(unit, table, rank(), accumulator, staging.segment());
        Call call = calls.enter(operation.call(), Kind.SHARE_SUMS, unit);
        operation.begin();
        long mine = 4 * table.summedFrom(rank());
        for (int r = rank() % unit.shardWorldSize(); r < worldSize(); r += unit.shardWorldSize()) {
            if (r == rank()) { continue; }
            long theirs = 4 * table.summedFrom(r);
            operation.send(r, 4 * table.summedTo(rank()) - mine,
                    (from, to, address) -> MemorySegment.copy(accumulator, mine + from, AeronMessage.MEMORY, address, to - from), Long.MAX_VALUE);
            operation.receive(r, 4 * table.summedTo(r) - theirs,
                    (from, to, address) -> MemorySegment.copy(AeronMessage.MEMORY, address, accumulator, theirs + from, to - from));
        }
        pump.submit(operation);
        awaitSent(operation);
        calls.leave(call);
    }

    /// The pump does it by itself.
    @Override
    public boolean poll() {
        return false;
    }

    @Override
    public void whileWaiting(BooleanSupplier other) {
        elsewhere = other;
    }

    @Override
    public long waitedNs() {
        return waitedNs;
    }

    @Override
    public ScatterBuffer scatterBuffer(String name, long bytes, long partBytes) {
        Call call = calls.enter(operation.call(), Kind.ALLOCATE, name);
        var buffer = LocalScatter.allocate(rank() == 0 ? bytes : partBytes);
        calls.leave(call);
        return buffer;
    }

    @Override
    public MemorySegment scatter(UnitPlan unit, ScatterBuffer from, Parts parts) {
        MemorySegment buffer = from.segment();
        Call call = calls.enter(operation.call(), Kind.SCATTER, unit);
        operation.begin();
        for (Transfer t : sends.get(Collective.SCATTER.ordinal())) {
            long offset = parts.offset(t.to());
            operation.send(t.to(), parts.bytes(t.to()),
                    (begin, end, address) -> MemorySegment.copy(buffer, offset + begin, AeronMessage.MEMORY, address, end - begin), Long.MAX_VALUE);
        }
        for (Transfer t : receives.get(Collective.SCATTER.ordinal())) {
            operation.receive(t.from(), parts.bytes(rank()),
                    (begin, end, address) -> MemorySegment.copy(AeronMessage.MEMORY, address, buffer, begin, end - begin));
        }
        pump.submit(operation);
        awaitSent(operation);
        calls.leave(call);
        return buffer.asSlice(rank() == 0 ? parts.offset(0) : 0, parts.bytes(rank()));
    }

    /// Makes the operation send peers rows of an unsharded buffer whose elements have `size` bytes, in the order of the shard that they belong to.
    private void sendRows(AeronOperation o, UnitRows table, Collective collective, MemorySegment unsharded, int size, long available) {
        for (Transfer t : sends.get(collective.ordinal())) {
            boolean sums = collective == Collective.REDUCE_SCATTER;
            long first = sums ? table.summedFrom(t.rowsOf()) : 0;
            long length = (sums ? table.summedTo(t.rowsOf()) : table.shardNumel(t.rowsOf())) - first;
            o.send(t.to(), size * length, (from, to, address) -> table.forEach(t.rowsOf(), first + from / size, first + to / size,
                    (shardOffset, unshardedOffset, numel) -> MemorySegment.copy(unsharded, size * unshardedOffset, AeronMessage.MEMORY,
                            address + size * (shardOffset - first) - from, size * numel)), available);
        }
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        if (mine.length > EXCHANGE_BYTES_MAX) {
            throw new IllegalArgumentException("exchange %s: %d bytes; at most %d".formatted(what, mine.length, EXCHANGE_BYTES_MAX));
        }
        Call call = calls.enter(operation.call(), Kind.EXCHANGE, what);
        List<byte[]> all = swap(mine);
        calls.leave(call);
        return all;
    }

    @Override
    public void barrier(String what) {
        Call call = calls.enter(operation.call(), Kind.BARRIER, what);
        swap(new byte[0]);
        calls.leave(call);
    }

    private List<byte[]> swap(byte[] mine) {
        MemorySegment own = MemorySegment.ofArray(mine);
        MemorySegment all = MemorySegment.ofArray(new byte[worldSize() * EXCHANGE_BYTES_MAX]);
        operation.begin();
        for (int peer = 0; peer < worldSize(); peer++) {
            if (peer == rank()) { continue; }
            long place = (long) peer * EXCHANGE_BYTES_MAX;
            operation.sendEvenIfEmpty(peer, mine.length, (from, to, address) -> MemorySegment.copy(own, from, AeronMessage.MEMORY, address, to - from),
                    Long.MAX_VALUE);
            operation.receiveUnannounced(peer,
                    (from, to, address) -> MemorySegment.copy(AeronMessage.MEMORY, address, all, place + from, to - from));
        }
        pump.submit(operation);
        awaitSent(operation);
        var messages = new ArrayList<byte[]>();
        for (int r = 0; r < worldSize(); r++) {
            messages.add(r == rank() ? mine.clone() : message(all, r));
        }
        return List.copyOf(messages);
    }

    private byte[] message(MemorySegment all, int peer) {
        return all.asSlice((long) peer * EXCHANGE_BYTES_MAX, operation.receivingFrom(peer).offset()).toArray(ValueLayout.JAVA_BYTE);
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
        if (pump != null) { pump.close(); }
        streams.close();
        groupArena.close();
    }
}
