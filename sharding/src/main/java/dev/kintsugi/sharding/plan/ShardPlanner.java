package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;

/// Computes the shard plan of a model for a world size. Pure.
public final class ShardPlanner {
    /// Every parameter of an unsharded buffer starts at a multiple of this, so that it starts on a cache line even in bf16.
    public static final long ALIGNMENT_NUMEL = 32;

    private ShardPlanner() {}

    public static ShardPlan plan(ModelSpec model, int worldSize) {
        var units = new ArrayList<UnitPlan>();
        for (UnitSpec unit : model.units()) {
            units.add(plan(unit, units.size(), worldSize));
        }
        return new ShardPlan(model, worldSize, units);
    }

    private static UnitPlan plan(UnitSpec unit, int index, int worldSize) {
        List<ParameterPlan> parameters = new ArrayList<>();
        long offset = 0;
        for (ParameterSpec p : unit.parameters()) {
            long rowsPerRank = Math.ceilDiv(p.rows(), (long) worldSize);
            parameters.add(new ParameterPlan(p, rowsPerRank, offset));
            offset += alignUp(rowsPerRank * worldSize * p.rowNumel());
        }
        return new UnitPlan(index, unit, parameters, offset);
    }

    private static long alignUp(long numel) {
        return Math.ceilDiv(numel, ALIGNMENT_NUMEL) * ALIGNMENT_NUMEL;
    }
}
