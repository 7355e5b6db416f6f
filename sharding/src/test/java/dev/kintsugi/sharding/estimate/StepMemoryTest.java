package dev.kintsugi.sharding.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// On a model of 134 M parameters, two ranks, four samples of 512 tokens. That nothing is overwritten too early is for the arena to assert
/// (`StepArenaTest`) and for equal bits to show (`WorldSizeEqualityTest`).
class StepMemoryTest {
    private static final long MIB = 1 << 20;
    private static final LlamaConfig CONFIG = new LlamaConfig(768, 2048, 12, 12, 12, 64, 32_000, 512, 1e-5, 10_000, new RopeScaling.None(), false, false,
            false, 0.02);
    private static final ShardPlan PLAN = ShardPlanner.plan(ModelSpec.of(CONFIG), 2);

    @ParameterizedTest
    @EnumSource(ActivationCheckpointing.class)
    void shouldNeverPlaceOneAccumulatorOverAnother(ActivationCheckpointing checkpointing) {
        StepMemory memory = memory(checkpointing, 1);
        for (int unit = 0; unit < PLAN.units().size(); unit++) {
            boolean last = unit == PLAN.units().size() - 1;
            long end = last ? memory.bytes() : memory.gradientOffsets().get(unit + 1);
            assertThat(memory.gradientOffsets().get(unit) + gradientBytes(unit)).as("end of unit %d", unit).isLessThanOrEqualTo(end);
        }
    }

    @Test
    void shouldTakeALittleMoreThanActivationsWhereThoseAreMore() {
        for (var checkpointing : new ActivationCheckpointing[] {ActivationCheckpointing.NONE, ActivationCheckpointing.SELECTIVE}) {
            StepMemory memory = memory(checkpointing, 1);
            // The head's comes first, while all blocks' activations are there, but in the place of its own logits.
            assertThat(memory.bytes() - memory.activationBytes()).as("%s", checkpointing).isBetween(gradientBytes(13) - 32 * MIB, gradientBytes(13));
        }
    }

    @Test
    void shouldTakeALittleMoreThanGradientsWhereThoseAreMore() {
        StepMemory memory = memory(ActivationCheckpointing.FULL, 1);
        long stream = 2 * 4 * 512 * 768;
        assertThat(memory.bytes()).isBetween(allGradientBytes(), allGradientBytes() + 2 * stream);
    }

    @ParameterizedTest
    @EnumSource(ActivationCheckpointing.class)
    void shouldKeepGradientsOfSeveralRoundsAboveActivations(ActivationCheckpointing checkpointing) {
        StepMemory memory = memory(checkpointing, 2);
        assertThat(memory.activationBytes()).isEqualTo(memory(checkpointing, 1).activationBytes());
        assertThat(memory.gradientOffsets().getFirst()).isEqualTo(memory.activationBytes());
        assertThat(memory.bytes()).isEqualTo(memory.activationBytes() + allGradientBytes());
    }

    private static StepMemory memory(ActivationCheckpointing checkpointing, int rounds) {
        return StepMemory.of(ModelPlan.of(PLAN), 0, 4, 512, DType.BF16, checkpointing, 1, rounds);
    }

    private static long gradientBytes(int unit) {
        return 4 * PLAN.units().get(unit).shardNumel(0);
    }

    private static long allGradientBytes() {
        return LongStream.range(0, PLAN.units().size()).map(u -> gradientBytes((int) u)).sum();
    }
}
