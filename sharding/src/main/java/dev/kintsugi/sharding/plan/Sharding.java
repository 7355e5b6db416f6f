package dev.kintsugi.sharding.plan;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.proto.v1.ShardingStrategy;

/// How many copies of a model the ranks hold, and among how many of them each copy is cut.
///
/// The N ranks make N/S *replicas* of S consecutive ranks; rank r holds shard `r mod S` of replica `r / S`. Weights are gathered inside a
/// replica; a shard's gradient is the sum of all N ranks', in rank order, on every rank that holds it: so replicas stay equal to the last bit.
///
/// @param worldSize N
/// @param shardWorldSize S: N for FULL_SHARD and SHARD_GRAD_OP, 1 for NO_SHARD, any divisor of N for HYBRID_SHARD
public record Sharding(ShardingStrategy strategy, int worldSize, int shardWorldSize) {
    public Sharding {
        requireNonNull(strategy, "strategy is null");
        if (worldSize < 1) { throw new IllegalArgumentException("worldSize=%d; must be >= 1".formatted(worldSize)); }
        boolean fits = switch (strategy) {
            case FULL_SHARD, SHARD_GRAD_OP -> shardWorldSize == worldSize;
            case NO_SHARD -> shardWorldSize == 1;
            case HYBRID_SHARD -> shardWorldSize >= 1 && worldSize % shardWorldSize == 0;
            case SHARDING_STRATEGY_UNSPECIFIED, UNRECOGNIZED -> false;
        };
        if (!fits) {
            throw new IllegalArgumentException("%s on worldSize=%d ranks with shardWorldSize=%d; that is no way to cut a model"
                    .formatted(strategy, worldSize, shardWorldSize));
        }
    }

    public static Sharding fullShard(int worldSize) {
        return new Sharding(ShardingStrategy.FULL_SHARD, worldSize, worldSize);
    }

    /// @param hybridShardSize what HYBRID_SHARD's shardWorldSize is; the other strategies have no choice
    public static Sharding of(ShardingStrategy strategy, int worldSize, int hybridShardSize) {
        return new Sharding(strategy, worldSize, switch (strategy) {
            case FULL_SHARD, SHARD_GRAD_OP, SHARDING_STRATEGY_UNSPECIFIED, UNRECOGNIZED -> worldSize;
            case NO_SHARD -> 1;
            case HYBRID_SHARD -> hybridShardSize;
        });
    }

    /// Copies of the model.
    public int replicas() {
        return worldSize / shardWorldSize;
    }

    /// Which copy `rank` holds a part of.
    public int replica(int rank) {
        return rank / shardWorldSize;
    }

    /// Which part of its copy `rank` holds.
    public int shard(int rank) {
        return rank % shardWorldSize;
    }

    /// Whether `rank`'s shard is the one of its kind that counts: that is saved and digested.
    public boolean isFirstReplica(int rank) {
        return replica(rank) == 0;
    }

    /// Whether a unit's weights are dropped between its forward and its backward, and gathered twice.
    public boolean reshardsAfterForward() {
        return switch (strategy) {
            case FULL_SHARD, HYBRID_SHARD -> true;
            case SHARD_GRAD_OP, NO_SHARD -> false;
            case SHARDING_STRATEGY_UNSPECIFIED, UNRECOGNIZED -> throw new AssertionError(strategy);
        };
    }
}
