package dev.kintsugi.sharding.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.sharding.program.StepProgram;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepWorkTest {
    private static final long B = 4;
    private static final long T = 512;

    @Test
    void shouldAddUpToSixOperationsAWeightAndTokenAndAttentions() {
        ShardPlan plan = plan(12, false, 2);
        StepWork work = work(plan, 1, ActivationCheckpointing.SELECTIVE);
        double operations = work.amount(StepPhase.FORWARD) + work.amount(StepPhase.BACKWARD) + work.amount(StepPhase.LOSS);
        // The embedding is looked up, and gains are no matrices; attention makes 7 products, of which 6 are the definition's (one is made again).
        ModelConfig c = plan.model().config();
        double embeddingAndGains = 6.0 * B * T * (32_000 * 768 + 25 * 768);
        double attention = ModelFlops.attention(c, B, T) / 6 * 7;
        assertThat(operations).isCloseTo(ModelFlops.training(plan.model().numel(), B * T) - embeddingAndGains + attention, within(1e6));
    }

    @Test
    void shouldCountRecomputationOfAllButABlocksLastProduct() {
        ShardPlan plan = plan(12, false, 2);
        StepWork kept = work(plan, 1, ActivationCheckpointing.NONE);
        StepWork again = work(plan, 1, ActivationCheckpointing.FULL);
        double lastProducts = 12 * 2.0 * B * T * 2048 * 768;
        assertThat(again.amount(StepPhase.BACKWARD) - kept.amount(StepPhase.BACKWARD))
                .isCloseTo(kept.amount(StepPhase.FORWARD) - lastProducts, within(1e3));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 8})
    void shouldHaveRanksGatherTheModelTogether(int worldSize) {
        ShardPlan plan = plan(3, true, worldSize);
        double gathered = 0;
        double updated = 0;
        for (int rank = 0; rank < worldSize; rank++) {
            StepWork work = StepWork.of(ModelPlan.of(plan), StepProgram.of(ModelPlan.of(plan)), rank, 2, B, T, DType.BF16, ActivationCheckpointing.SELECTIVE);
            gathered += work.amount(StepPhase.GATHER);
            updated += work.amount(StepPhase.OPTIMIZER);
        }
        long blocks = plan.units().stream().skip(1).mapToLong(u -> u.spec().parameters().stream().mapToLong(p -> p.numel()).sum()).sum();
        long lastBlock = plan.units().getLast().spec().parameters().stream().mapToLong(p -> p.numel()).sum();
        // Twice a round, but for the tied embedding and the last block, which stay.
        assertThat(gathered).isEqualTo(2 * 6.0 * (plan.model().numel() + blocks - lastBlock));
        assertThat(updated).isEqualTo(28.0 * plan.model().numel());
    }

    @Test
    void shouldGatherOnceAndAddAPartOfEachSumWhenEveryRankHoldsEverything() {
        var config = new LlamaConfig(768, 2048, 3, 12, 12, 64, 32_000, 512, 1e-5, 10_000, new RopeScaling.None(), false, false, false, 0.02);
        ShardPlan plan = ShardPlanner.plan(ModelSpec.of(config), Sharding.of(ShardingStrategy.NO_SHARD, 4, 4));
        StepWork work = StepWork.of(ModelPlan.of(plan), StepProgram.of(ModelPlan.of(plan)), 1, 2, B, T, DType.BF16, ActivationCheckpointing.SELECTIVE);
        double numel = plan.model().numel();
        assertThat(work.amount(StepPhase.GATHER)).isEqualTo(2 * 6 * numel);
        assertThat(work.amount(StepPhase.SCATTER)).isEqualTo(2 * 4 * numel / 4 * (4 + 2) + 8 * numel * 3 / 4 + 4 * numel);
    }

    @Test
    void shouldPredictItsOwnMeasurementAndScaleWithRanksPerCore() {
        StepWork work = work(plan(2, false, 2), 1, ActivationCheckpointing.SELECTIVE);
        Map<StepPhase, Double> measured = new EnumMap<>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { measured.put(phase, 0.1 * (1 + phase.ordinal())); }
        var seconds = new StepSeconds(measured, 0.28);
        PhaseRates rates = PhaseRates.of(work, seconds);
        assertThat(rates.waitShare()).isCloseTo(0.1, within(1e-12));
        assertThat(rates.seconds(work, 0.5).step()).isCloseTo(seconds.step(), within(1e-9));
        assertThat(rates.seconds(work, 2).of(StepPhase.LOSS)).isCloseTo(2 * seconds.of(StepPhase.LOSS), within(1e-9));
        StepWork twice = work(plan(4, false, 2), 1, ActivationCheckpointing.SELECTIVE);
        assertThat(rates.seconds(twice, 1).of(StepPhase.FORWARD)).isCloseTo(2 * seconds.of(StepPhase.FORWARD), within(1e-9));
        assertThat(rates.seconds(twice, 1).of(StepPhase.LOSS)).isCloseTo(seconds.of(StepPhase.LOSS), within(1e-9));
    }

    @Test
    void shouldRefuseRatesThatAreMissing() {
        assertThatIllegalArgumentException().isThrownBy(() -> new PhaseRates(Map.of(StepPhase.GATHER, 1.0), 0)).withMessageContaining("rate of forward");
    }

    private static StepWork work(ShardPlan plan, int rounds, ActivationCheckpointing checkpointing) {
        return StepWork.of(ModelPlan.of(plan), StepProgram.of(ModelPlan.of(plan)), 0, rounds, B, T, DType.BF16, checkpointing);
    }

    private static ShardPlan plan(int layers, boolean tied, int worldSize) {
        return ShardPlanner.plan(ModelSpec.of(new LlamaConfig(768, 2048, layers, 12, 12, 64, 32_000, 512, 1e-5, 10_000, new RopeScaling.None(),
                tied, false, false, 0.02)), worldSize);
    }
}
