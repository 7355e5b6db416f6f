package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.ModelSpec;
import java.util.List;

/// Which rank holds which rows of which parameter. Immutable; computed once by [ShardPlanner].
public record ShardPlan(ModelSpec model, int worldSize, List<UnitPlan> units) {
    public ShardPlan {
        units = List.copyOf(units);
        if (worldSize < 1) { throw new IllegalArgumentException("worldSize=%d; must be >= 1".formatted(worldSize)); }
    }

    /// Elements of all of `rank`'s shards.
    public long shardNumel(int rank) {
        return units.stream().mapToLong(u -> u.shardNumel(rank)).sum();
    }
}
