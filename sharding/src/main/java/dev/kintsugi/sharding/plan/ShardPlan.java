package dev.kintsugi.sharding.plan;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.architecture.ModelSpec;
import java.util.List;

/// Which rank holds which rows of which parameter. Immutable; computed once by [ShardPlanner].
public record ShardPlan(ModelSpec model, Sharding sharding, List<UnitPlan> units) {
    public ShardPlan {
        requireNonNull(sharding, "sharding is null");
        units = List.copyOf(units);
    }

    public int worldSize() {
        return sharding.worldSize();
    }

    /// Shards of one copy of the model.
    public int shardWorldSize() {
        return sharding.shardWorldSize();
    }

    /// Elements of all of `rank`'s shards.
    public long shardNumel(int rank) {
        return units.stream().mapToLong(u -> u.shardNumel(rank)).sum();
    }
}
