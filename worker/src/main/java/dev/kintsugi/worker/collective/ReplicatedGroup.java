package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// The ranks of a job that holds several copies of its model: weights are gathered among the ranks of this rank's copy, everything else is
/// between all ranks. Two groups of any transport, so that a copy inside one host is gathered through shared memory though others are elsewhere.
///
/// All ranks call both groups in the same order, and each group works for the other while it waits, so the two never wait in a circle.
final class ReplicatedGroup implements CollectiveGroup {
    private final CollectiveGroup world;
    private final CollectiveGroup replica;
    private final Journal journal;

    /// Owns both from here on.
    ReplicatedGroup(PolledGroup world, PolledGroup replica) {
        this.world = world;
        this.replica = replica;
        this.journal = Journal.joint(world.journal(), replica.journal());
        world.whileWaiting(replica::poll);
        replica.whileWaiting(world::poll);
    }

    @Override
    public int rank() {
        return world.rank();
    }

    @Override
    public int worldSize() {
        return world.worldSize();
    }

    @Override
    public GatherBuffer gatherBuffer(String name, long numel, DType dtype, DType shardDtype) {
        return replica.gatherBuffer(name, numel, dtype, shardDtype);
    }

    @Override
    public GradientBuffer gradientBuffer(String name, long numel) {
        return world.gradientBuffer(name, numel);
    }

    @Override
    public void enterStep(long step) {
        world.enterStep(step);
        replica.enterStep(step);
    }

    @Override
    public void beginAllGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        replica.beginAllGather(unit, shard, into);
    }

    @Override
    public void awaitAllGather(GatherBuffer into) {
        replica.awaitAllGather(into);
    }

    @Override
    public void release(GatherBuffer buffer) {
        replica.release(buffer);
    }

    @Override
    public void claim(GradientBuffer buffer) {
        world.claim(buffer);
    }

    @Override
    public void beginReduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator, boolean afresh) {
        world.beginReduceScatter(unit, from, accumulator, afresh);
    }

    @Override
    public void awaitReduceScatter(GradientBuffer from) {
        world.awaitReduceScatter(from);
    }

    @Override
    public void shareSums(UnitPlan unit, GradientBuffer staging, MemorySegment accumulator) {
        world.shareSums(unit, staging, accumulator);
    }

    @Override
    public ScatterBuffer scatterBuffer(String name, long bytes, long partBytes) {
        return world.scatterBuffer(name, bytes, partBytes);
    }

    @Override
    public MemorySegment scatter(UnitPlan unit, ScatterBuffer from, Parts parts) {
        return world.scatter(unit, from, parts);
    }

    @Override
    public List<byte[]> exchange(String what, byte[] mine) {
        return world.exchange(what, mine);
    }

    @Override
    public void barrier(String what) {
        world.barrier(what);
    }

    @Override
    public Journal journal() {
        return journal;
    }

    @Override
    public long waitedNs() {
        return world.waitedNs() + replica.waitedNs();
    }

    @Override
    public long allocatedBytes() {
        return world.allocatedBytes() + replica.allocatedBytes();
    }

    @Override
    public void close() {
        try (world) {
            replica.close();
        }
    }
}
