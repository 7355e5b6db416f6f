package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.plan.Sharding;
import java.util.List;

/// How the model of an attempt is cut over its ranks, which is decided once it is known where they will run. Pure.
record ShardingChoice(Sharding sharding, String reason) {
    /// @param spec with every default filled in
    /// @param ranksByHost how many consecutive ranks each host runs, in the order of the ranks
    static ShardingChoice decide(JobSpec spec, List<Integer> ranksByHost) {
        ShardingStrategy strategy = spec.getShardingStrategy();
        if (strategy != ShardingStrategy.HYBRID_SHARD || spec.hasHybridShardSize()) {
            return new ShardingChoice(Sharding.of(strategy, spec.getWorldSize(), spec.getHybridShardSize()), "as requested");
        }
        int size = ranksByHost.stream().reduce(0, ShardingChoice::greatestCommonDivisor);
        boolean even = ranksByHost.stream().allMatch(n -> n == size);
        return new ShardingChoice(Sharding.of(strategy, spec.getWorldSize(), size),
                even ? "the ranks of one host" : "as many as let no copy span hosts that run %s ranks".formatted(ranksByHost));
    }

    private static int greatestCommonDivisor(int a, int b) {
        return b == 0 ? a : greatestCommonDivisor(b, a % b);
    }

    /// For the log and the status page.
    String explain() {
        return "%s: %d %s of the model, each cut over %d %s (%s)".formatted(sharding.strategy(), sharding.replicas(),
                sharding.replicas() == 1 ? "copy" : "copies", sharding.shardWorldSize(), sharding.shardWorldSize() == 1 ? "rank" : "ranks", reason);
    }
}
