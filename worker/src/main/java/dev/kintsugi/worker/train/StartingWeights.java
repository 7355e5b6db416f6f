package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.fsdp.UnshardedUnits;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/// Puts the first weights into every rank's shards, and proves that all ranks together hold the model that was read.
///
/// Only rank 0 reads: one unit at a time into its gradient slot, from which every rank gets just its rows. Nothing holds a whole model.
final class StartingWeights {
    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final UnshardedUnits units;

    StartingWeights(ShardPlan plan, CollectiveGroup group, UnshardedUnits units) {
        this.plan = plan;
        this.group = group;
        this.units = units;
    }

    /// @param source null on ranks other than 0
    /// @return rank 0: the digest of all parameters as they were read; elsewhere null
    String scatterFromRank0(WeightSource source, ShardBuffers into) {
        WeightsDigest digest = group.rank() == 0 ? new WeightsDigest() : null;
        for (UnitPlan unit : plan.units()) {
            if (digest != null) {
                MemorySegment slot = units.gradientSlot(unit).segment();
                for (ParameterPlan p : unit.parameters()) { source.read(p.spec(), slot, p.unshardedOffset() * DType.F32.bytes()); }
                digest.addUnit(unit, slot);
            }
            group.scatter(unit, units.gradientSlot(unit), into.parameters().get(unit.index()));
        }
        return digest == null ? null : digest.toHex();
    }

    /// Hex digest of one copy of the parameters: the same on every rank, for every world size and every strategy.
    ///
    /// @throws WorldException if two ranks that hold the same shard do not hold the same bits
    String digest(ShardBuffers state) {
        var mine = new WeightsDigest();
        for (UnitPlan unit : plan.units()) { mine.addShard(unit, group.rank(), state.parameters().get(unit.index())); }
        List<byte[]> parts = group.exchange("parameter digests", mine.toBytes());
        requireEqualReplicas(parts);
        var all = new WeightsDigest();
        parts.subList(0, plan.shardWorldSize()).forEach(all::add);
        return all.toHex();
    }

    private void requireEqualReplicas(List<byte[]> parts) {
        for (int rank = plan.shardWorldSize(); rank < parts.size(); rank++) {
            int shard = plan.sharding().shard(rank);
            if (!Arrays.equals(parts.get(rank), parts.get(shard))) {
                throw new WorldException("replicas_differ", "ranks %d and %d hold shard %d of the model with different weights; start the job again"
                        .formatted(shard, rank, shard));
            }
        }
    }

    /// @param expected what rank 0 read, or null
    /// @throws WorldException if the ranks hold anything else
    String requireAgreement(ShardBuffers state, String expected) {
        String held = digest(state);
        if (expected != null && !expected.equals(held)) {
            throw new WorldException("weights_differ", "the ranks hold other weights than rank 0 has read: digests %s and %s; start the job again"
                    .formatted(held, expected));
        }
        return held;
    }
}
