package dev.kintsugi.sharding.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.LlamaModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepProgramPropertyTest {
    @ParameterizedTest
    @CsvSource({"1, false, 1", "2, false, 3", "5, false, 16", "1, true, 1", "2, true, 4", "6, true, 7"})
    void shouldComputeOnlyWithWhatIsUnshardedInItsSlot(int layers, boolean tied, int worldSize) {
        ShardPlan plan = plan(layers, tied, worldSize);
        BufferPlan buffers = BufferPlan.of(plan);
        Map<Integer, Integer> slotHolds = new HashMap<>();
        var unsharded = new HashSet<Integer>();
        for (Instruction i : StepProgram.fullShard(plan).round()) {
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
    @CsvSource({"1, false", "4, false", "1, true", "4, true"})
    void shouldReduceEveryUnitOnceAfterItsLastGradient(int layers, boolean tied) {
        ShardPlan plan = plan(layers, tied, 2);
        List<Integer> reduced = new ArrayList<>();
        for (Instruction i : StepProgram.fullShard(plan).round()) {
            if (i instanceof ReduceScatter(int u)) { reduced.add(u); }
            if (i instanceof Backward(int u)) { assertThat(reduced).doesNotContain(u); }
            if (i instanceof Loss(int u)) { assertThat(reduced).doesNotContain(u); }
        }
        assertThat(reduced).doesNotHaveDuplicates().hasSize(plan.units().size());
        assertThat(plan.units().stream().filter(u -> u.spec().kind() == UnitSpec.Kind.HEAD).count()).isEqualTo(tied ? 0 : 1);
    }

    private static ShardPlan plan(int layers, boolean tied, int worldSize) {
        var config = new LlamaConfig(24, 40, layers, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, false, false, 0.02);
        return ShardPlanner.plan(LlamaModelSpec.of(config), worldSize);
    }
}
