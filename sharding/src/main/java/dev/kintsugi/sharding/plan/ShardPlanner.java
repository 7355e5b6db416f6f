package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;

/// Computes the shard plan of a model for a number of ranks and a strategy. Pure.
public final class ShardPlanner {
    /// Every parameter of an unsharded buffer starts at a multiple of this, so that it starts on a cache line even in bf16.
    public static final long ALIGNMENT_NUMEL = 32;

    private ShardPlanner() {}

    /// FULL_SHARD.
    public static ShardPlan plan(ModelSpec model, int worldSize) {
        return plan(model, Sharding.fullShard(worldSize));
    }

    public static ShardPlan plan(ModelSpec model, Sharding sharding) {
        var units = new ArrayList<UnitPlan>();
        for (UnitSpec unit : model.units()) {
            units.add(plan(unit, units.size(), sharding.shardWorldSize()));
        }
        return new ShardPlan(model, sharding, units);
    }

    private static UnitPlan plan(UnitSpec unit, int index, int shardWorldSize) {
        List<ParameterPlan> parameters = new ArrayList<>();
        long offset = 0;
        for (ParameterSpec p : unit.parameters()) {
            long rowsPerRank = Math.ceilDiv(p.rows(), (long) shardWorldSize);
            parameters.add(new ParameterPlan(p, shardWorldSize, rowsPerRank, offset));
            offset += alignUp(rowsPerRank * shardWorldSize * p.rowNumel());
        }
        return new UnitPlan(index, unit, parameters, offset);
    }

    private static long alignUp(long numel) {
        return Math.ceilDiv(numel, ALIGNMENT_NUMEL) * ALIGNMENT_NUMEL;
    }
}
