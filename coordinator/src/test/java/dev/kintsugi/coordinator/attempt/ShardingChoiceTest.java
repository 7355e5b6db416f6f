package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.plan.Sharding;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShardingChoiceTest {
    @Test
    void shouldCutAsTheStrategySays() {
        assertThat(decide(ShardingStrategy.FULL_SHARD, List.of(4)).sharding()).isEqualTo(Sharding.fullShard(4));
        assertThat(decide(ShardingStrategy.NO_SHARD, List.of(2, 2)).sharding()).isEqualTo(new Sharding(ShardingStrategy.NO_SHARD, 4, 1));
    }

    @Test
    void shouldKeepACopyInsideOneHost() {
        ShardingChoice even = decide(ShardingStrategy.HYBRID_SHARD, List.of(2, 2));
        assertThat(even.sharding()).isEqualTo(new Sharding(ShardingStrategy.HYBRID_SHARD, 4, 2));
        assertThat(even.explain()).isEqualTo("HYBRID_SHARD: 2 copies of the model, each cut over 2 ranks (the ranks of one host)");
        assertThat(decide(ShardingStrategy.HYBRID_SHARD, List.of(4)).sharding().replicas()).isEqualTo(1);
        ShardingChoice uneven = decide(ShardingStrategy.HYBRID_SHARD, List.of(6, 4, 2));
        assertThat(uneven.sharding().shardWorldSize()).isEqualTo(2);
        assertThat(uneven.reason()).contains("[6, 4, 2]");
    }

    @Test
    void shouldTakeTheSizeThatWasAskedFor() {
        JobSpec spec = spec(ShardingStrategy.HYBRID_SHARD, 8).toBuilder().setHybridShardSize(4).build();
        assertThat(ShardingChoice.decide(spec, List.of(2, 2, 2, 2)).sharding().shardWorldSize()).isEqualTo(4);
    }

    private static ShardingChoice decide(ShardingStrategy strategy, List<Integer> ranksByHost) {
        return ShardingChoice.decide(spec(strategy, ranksByHost.stream().mapToInt(n -> n).sum()), ranksByHost);
    }

    private static JobSpec spec(ShardingStrategy strategy, int worldSize) {
        return JobSpec.newBuilder().setShardingStrategy(strategy).setWorldSize(worldSize).build();
    }
}
