package dev.kintsugi.sharding.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.LlamaModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepProgramPropertyTest {
    @ParameterizedTest
    @CsvSource({"1, false, 1, FULL_SHARD", "2, false, 3, FULL_SHARD", "5, false, 16, FULL_SHARD", "1, true, 1, FULL_SHARD",
            "2, true, 4, FULL_SHARD", "6, true, 7, FULL_SHARD", "1, false, 1, SHARD_GRAD_OP", "5, false, 3, SHARD_GRAD_OP",
            "1, true, 2, SHARD_GRAD_OP", "4, true, 3, SHARD_GRAD_OP", "3, false, 4, NO_SHARD", "2, true, 2, NO_SHARD", "5, false, 4, HYBRID_SHARD"})
    void shouldComputeOnlyWithWhatIsUnshardedInItsSlot(int layers, boolean tied, int worldSize, ShardingStrategy strategy) {
        ShardPlan plan = plan(layers, tied, worldSize, strategy);
        BufferPlan buffers = BufferPlan.of(plan);
        Map<Integer, Integer> slotHolds = new HashMap<>();
        var unsharded = new HashSet<Integer>();
        for (Instruction i : StepProgram.of(plan).round()) {
            switch (i) {
                case Unshard(int u) -> {
                    Integer before = slotHolds.put(buffers.gatherSlot().get(u), u);
                    assertThat(before == null || !unsharded.contains(before)).as("%s overwrites %s", i, before).isTrue();
                    assertThat(unsharded.add(u)).as("%s twice", i).isTrue();
                    assertThat(buffers.gatherSlotNumel().get(buffers.gatherSlot().get(u)))
                            .isGreaterThanOrEqualTo(plan.units().get(u).unshardedNumel());
                }
                case Forward(int u) -> assertThat(unsharded).contains(u);
                case Loss(int u) -> assertThat(unsharded).contains(u);
                case Backward(int u) -> assertThat(u == 0 || unsharded.contains(u)).isTrue();
                case Reshard(int u) -> assertThat(unsharded.remove(u)).as("%s of what is not unsharded", i).isTrue();
                case ReduceScatter _ -> { }
            }
        }
        assertThat(unsharded).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"1, false, FULL_SHARD", "4, false, FULL_SHARD", "1, true, FULL_SHARD", "4, true, FULL_SHARD", "4, false, SHARD_GRAD_OP",
            "4, true, NO_SHARD"})
    void shouldReduceEveryUnitOnceAfterItsLastGradient(int layers, boolean tied, ShardingStrategy strategy) {
        ShardPlan plan = plan(layers, tied, 2, strategy);
        List<Integer> reduced = new ArrayList<>();
        for (Instruction i : StepProgram.of(plan).round()) {
            if (i instanceof ReduceScatter(int u)) { reduced.add(u); }
            if (i instanceof Backward(int u)) { assertThat(reduced).doesNotContain(u); }
            if (i instanceof Loss(int u)) { assertThat(reduced).doesNotContain(u); }
        }
        assertThat(reduced).doesNotHaveDuplicates().hasSize(plan.units().size());
        assertThat(plan.units().stream().filter(u -> u.spec().kind() == UnitSpec.Kind.HEAD).count()).isEqualTo(tied ? 0 : 1);
    }

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, false, 2", "HYBRID_SHARD, true, 2", "SHARD_GRAD_OP, false, 1", "SHARD_GRAD_OP, true, 1", "NO_SHARD, false, 1"})
    void shouldGatherABlockAsOftenAsTheStrategySays(ShardingStrategy strategy, boolean tied, int times) {
        StepProgram program = StepProgram.of(plan(5, tied, 4, strategy));
        for (int block = 1; block < 5; block++) {
            assertThat(Collections.frequency(program.round(), new Unshard(block))).isEqualTo(times);
        }
        assertThat(Collections.frequency(program.round(), new Unshard(5))).as("the last block's backward comes next").isEqualTo(1);
    }

    private static ShardPlan plan(int layers, boolean tied, int worldSize, ShardingStrategy strategy) {
        var config = new LlamaConfig(24, 40, layers, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, false, false, 0.02);
        return ShardPlanner.plan(LlamaModelSpec.of(config), Sharding.of(strategy, worldSize, 2));
    }
}
