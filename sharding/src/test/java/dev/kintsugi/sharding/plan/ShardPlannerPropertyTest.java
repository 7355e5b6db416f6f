package dev.kintsugi.sharding.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardPlannerPropertyTest {
    private static final LlamaConfig ANY = new LlamaConfig(8, 8, 1, 1, 1, 8, 8, 8, 1e-6, 1e4, new RopeScaling.None(), false, false, false, 0.02);

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
    void shouldGiveEveryRowToOneRankAndEveryElementItsOwnPlace(int worldSize) {
        long seed = Long.getLong("test.seed", 40 + worldSize);
        ModelSpec model = randomModel(new Random(seed));
        ShardPlan plan = ShardPlanner.plan(model, worldSize);
        long held = 0;
        for (UnitPlan unit : plan.units()) {
            var owner = new int[Math.toIntExact(unit.unshardedNumel())];
            for (int rank = 0; rank < worldSize; rank++) {
                long expectedOffset = 0;
                for (RowShard shard : unit.rowShards(rank)) {
                    assertThat(shard.shardOffset()).isEqualTo(expectedOffset);
                    expectedOffset += shard.numel();
                    for (long i = 0; i < shard.numel(); i++) { owner[(int) (shard.unshardedOffset() + i)]++; }
                }
                assertThat(unit.shardNumel(rank)).isEqualTo(expectedOffset);
                held += expectedOffset;
            }
            for (ParameterPlan p : unit.parameters()) {
                assertThat(p.unshardedOffset() % ShardPlanner.ALIGNMENT_NUMEL).isZero();
                for (long i = 0; i < p.spec().numel(); i++) {
                    assertThat(owner[(int) (p.unshardedOffset() + i)]).as("seed=%d %s[%d]", seed, p.spec().name(), i).isEqualTo(1);
                }
            }
            for (int count : owner) { assertThat(count).as("seed=%d", seed).isLessThanOrEqualTo(1); }
        }
        assertThat(held).isEqualTo(model.numel());
    }

    @ParameterizedTest
    @CsvSource({"HYBRID_SHARD, 6, 2", "HYBRID_SHARD, 6, 3", "HYBRID_SHARD, 8, 8", "HYBRID_SHARD, 5, 1", "NO_SHARD, 4, 1"})
    void shouldGiveEachReplicaTheRowsOfAWorldOfItsOwn(ShardingStrategy strategy, int worldSize, int shardWorldSize) {
        ModelSpec model = randomModel(new Random(Long.getLong("test.seed", 7)));
        ShardPlan plan = ShardPlanner.plan(model, new Sharding(strategy, worldSize, shardWorldSize));
        ShardPlan alone = ShardPlanner.plan(model, shardWorldSize);
        for (int rank = 0; rank < worldSize; rank++) {
            for (UnitPlan unit : plan.units()) {
                assertThat(unit.rowShards(rank)).isEqualTo(alone.units().get(unit.index()).rowShards(plan.sharding().shard(rank)));
            }
        }
        assertThat(plan.sharding().replica(worldSize - 1)).isEqualTo(plan.sharding().replicas() - 1);
    }

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 4, 2", "SHARD_GRAD_OP, 4, 1", "NO_SHARD, 4, 4", "HYBRID_SHARD, 4, 3", "HYBRID_SHARD, 4, 0",
            "SHARDING_STRATEGY_UNSPECIFIED, 1, 1"})
    void shouldRefuseWhatDoesNotDivide(ShardingStrategy strategy, int worldSize, int shardWorldSize) {
        assertThatThrownBy(() -> new Sharding(strategy, worldSize, shardWorldSize)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("%s on worldSize=%d ranks with shardWorldSize=%d".formatted(strategy, worldSize, shardWorldSize));
    }

    private static ModelSpec randomModel(Random random) {
        var units = new ArrayList<UnitSpec>();
        for (int u = 0; u < 3; u++) {
            var parameters = new ArrayList<ParameterSpec>();
            for (int p = 0; p < 4; p++) {
                long rows = 1 + random.nextInt(40);
                List<Long> shape = random.nextBoolean() ? List.of(rows) : List.of(rows, 1L + random.nextInt(20));
                parameters.add(new ParameterSpec("u%d.p%d".formatted(u, p), shape, new InitRule.Constant(0), true));
            }
            units.add(new UnitSpec("u" + u, UnitSpec.Kind.BLOCK, parameters));
        }
        return new ModelSpec(ANY, units);
    }
}
