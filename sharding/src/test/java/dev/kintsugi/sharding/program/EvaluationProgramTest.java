package dev.kintsugi.sharding.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.Instruction.AwaitUnshard;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EvaluationProgramTest {
    @Test
    void shouldGatherTheNextUnitBeforeItComputesAndDropEach() {
        assertThat(EvaluationProgram.of(ModelPlan.of(plan(ShardingStrategy.FULL_SHARD, false, 2)))).containsExactly(
                new Unshard(0), new Unshard(1), new AwaitUnshard(0), new Forward(0), new Reshard(0),
                new Unshard(2), new AwaitUnshard(1), new Forward(1), new Reshard(1),
                new Unshard(3), new AwaitUnshard(2), new Forward(2), new Reshard(2),
                new AwaitUnshard(3), new Loss(3), new Reshard(3));
    }

    @Test
    void shouldKeepATiedEmbeddingForTheHead() {
        assertThat(EvaluationProgram.of(ModelPlan.of(plan(ShardingStrategy.FULL_SHARD, true, 1)))).containsExactly(
                new Unshard(0), new Unshard(1), new AwaitUnshard(0), new Forward(0), new AwaitUnshard(1), new Forward(1), new Reshard(1),
                new Loss(0), new Reshard(0));
    }

    /// What a slot holds is used before another unit is gathered into it, and it is empty at the end.
    @ParameterizedTest
    @CsvSource({"FULL_SHARD, false", "FULL_SHARD, true", "SHARD_GRAD_OP, false", "NO_SHARD, true", "HYBRID_SHARD, false"})
    void shouldNeverGatherIntoASlotInUse(ShardingStrategy strategy, boolean tied) {
        ShardPlan plan = plan(strategy, tied, 5);
        BufferPlan buffers = BufferPlan.of(ModelPlan.of(plan), ModelPlan.of(plan).trained(), dev.kintsugi.sharding.architecture.DType.BF16);
        Map<Integer, Integer> unitInSlot = new HashMap<>();
        for (Instruction i : EvaluationProgram.of(ModelPlan.of(plan))) {
            int slot = buffers.gatherSlot().get(i.unit());
            switch (i) {
                case Unshard _ -> assertThat(unitInSlot.put(slot, i.unit())).isNull();
                case Reshard _ -> assertThat(unitInSlot.remove(slot)).isEqualTo(i.unit());
                default -> assertThat(unitInSlot.get(slot)).isEqualTo(i.unit());
            }
        }
        assertThat(unitInSlot).isEmpty();
    }

    private static ShardPlan plan(ShardingStrategy strategy, boolean tied, int blocks) {
        var config = new LlamaConfig(24, 40, blocks, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, true, false, 0.05);
        return ShardPlanner.plan(ModelSpec.of(config), Sharding.of(strategy, 4, 2));
    }
}
