package dev.kintsugi.sharding.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.adapter.TargetModules;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import java.util.List;
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
        assertThat(ShardPlanCodec.fromProto(toProto(plan)).trainedPlan()).isEqualTo(plan);
    }

    @ParameterizedTest
    @CsvSource({"SHARD_GRAD_OP, 3, 3", "NO_SHARD, 4, 1", "HYBRID_SHARD, 6, 2", "HYBRID_SHARD, 6, 6"})
    void shouldGiveBackThePlanOfAnyStrategy(ShardingStrategy strategy, int worldSize, int shardWorldSize) {
        ShardPlan plan = plan(new Sharding(strategy, worldSize, shardWorldSize));
        assertThat(ShardPlanCodec.fromProto(toProto(plan)).trainedPlan()).isEqualTo(plan);
    }

    @Test
    void shouldChangeTheDigestWithTheWorldSize() {
        assertThat(toProto(plan(2)).getDigest()).hasSize(64)
                .isEqualTo(toProto(plan(2)).getDigest())
                .isNotEqualTo(toProto(plan(3)).getDigest());
    }

    @Test
    void shouldRefuseAPlanWhoseOffsetsDiffer() {
        var message = toProto(plan(2)).toBuilder();
        message.getUnitsBuilder(1).getParametersBuilder(2).setUnshardedOffset(4096);
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.build())).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("parameter model.layers.0.").hasMessageContaining("same version");
    }

    @Test
    void shouldRefuseAPlanOfAnotherStrategyOrDigest() {
        var message = toProto(plan(2));
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setStrategy(ShardingStrategy.NO_SHARD).build()))
                .hasMessageContaining("NO_SHARD on worldSize=2 ranks with shardWorldSize=2");
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setStrategy(ShardingStrategy.SHARD_GRAD_OP).build()))
                .hasMessageContaining("the digest");
        assertThatThrownBy(() -> ShardPlanCodec.fromProto(message.toBuilder().setDigest("00").build()))
                .hasMessageContaining("the digest");
    }

    @Test
    void shouldGiveBackThePlanOfAdapters() {
        ModelSpec model = ModelSpec.of(ModelConfigParser.parse(CONFIG, "config.json"));
        var lora = new LoraConfig(3, 16, 0.1, TargetModules.of("q_proj"), true, List.of("lm_head"));
        ModelPlan plan = ModelPlan.of(model, lora, Sharding.fullShard(2));
        ModelPlan back = ShardPlanCodec.fromProto(ShardPlanCodec.toProto(plan, CONFIG));
        assertThat(back.lora()).contains(lora);
        assertThat(back.trainedPlan()).isEqualTo(plan.trainedPlan());
        assertThat(back.frozen().orElseThrow().plan()).isEqualTo(plan.frozen().orElseThrow().plan());
        assertThat(back.trainedPlan().units()).extracting(UnitPlan::name).containsExactly("model.layers.0", "model.layers.1", "head");
    }

    private static dev.kintsugi.proto.v1.ShardPlan toProto(ShardPlan plan) {
        return ShardPlanCodec.toProto(ModelPlan.of(plan), CONFIG);
    }

    private static ShardPlan plan(int worldSize) {
        return plan(Sharding.fullShard(worldSize));
    }

    private static ShardPlan plan(Sharding sharding) {
        return ShardPlanner.plan(ModelSpec.of(ModelConfigParser.parse(CONFIG, "config.json")), sharding);
    }
}
