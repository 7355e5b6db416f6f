package dev.kintsugi.sharding.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardPlanCodecTest {
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 101, "max_position_embeddings": 64}""";

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 16})
    void shouldGiveBackThePlanItWasMadeFrom(int worldSize) {
        ShardPlan plan = plan(worldSize);
        assertThat(ShardPlanCodec.fromProto(ShardPlanCodec.toProto(plan, CONFIG))).isEqualTo(plan);
    }

    @ParameterizedTest
    @CsvSource({"SHARD_GRAD_OP, 3, 3", "NO_SHARD, 4, 1", "HYBRID_SHARD, 6, 2", "HYBRID_SHARD, 6, 6"})
    void shouldGiveBackThePlanOfAnyStrategy(ShardingStrategy strategy, int worldSize, int shardWorldSize) {
        ShardPlan plan = plan(new Sharding(strategy, worldSize, shardWorldSize));
        assertThat(ShardPlanCodec.fromProto(ShardPlanCodec.toProto(plan, CONFIG))).isEqualTo(plan);
    }

    @Test
    void shouldChangeTheDigestWithTheWorldSize() {
        assertThat(ShardPlanCodec.toProto(plan(2), CONFIG).getDigest()).hasSize(64)
                .isEqualTo(ShardPlanCodec.toProto(plan(2), CONFIG).getDigest())
                .isNotEqualTo(ShardPlanCodec.toProto(plan(3), CONFIG).getDigest());
    }

    @Test
    void shouldRefuseAPlanWhoseOffsetsDiffer() {
        var message = ShardPlanCodec.toProto(plan(2), CONFIG).toBuilder();
        message.getUnitsBuilder(1).getParametersBuilder(2).setUnshardedOffset(4096);
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.build())).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("parameter model.layers.0.").hasMessageContaining("same version");
    }

    @Test
    void shouldRefuseAPlanOfAnotherStrategyOrDigest() {
        var message = ShardPlanCodec.toProto(plan(2), CONFIG);
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setStrategy(ShardingStrategy.NO_SHARD).build()))
                .hasMessageContaining("NO_SHARD on worldSize=2 ranks with shardWorldSize=2");
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setStrategy(ShardingStrategy.SHARD_GRAD_OP).build()))
                .hasMessageContaining("the digest");
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setDigest("00").build()))
                .hasMessageContaining("the digest");
    }

    private static ShardPlan plan(int worldSize) {
        return plan(Sharding.fullShard(worldSize));
    }

    private static ShardPlan plan(Sharding sharding) {
        return ShardPlanner.plan(ModelSpec.of(ModelConfigParser.parse(CONFIG, "config.json")), sharding);
    }
}
