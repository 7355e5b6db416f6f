package dev.kintsugi.sharding.program;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.adapter.TargetModules;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.Instruction.AwaitReduceScatter;
import dev.kintsugi.sharding.program.Instruction.AwaitUnshard;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.ClaimGradient;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.ShareSums;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StepProgramPropertyTest {
    @ParameterizedTest
    @CsvSource({"1, false, 1, FULL_SHARD", "2, false, 3, FULL_SHARD", "5, false, 16, FULL_SHARD", "1, true, 1, FULL_SHARD",
            "2, true, 4, FULL_SHARD", "6, true, 7, FULL_SHARD", "1, false, 1, SHARD_GRAD_OP", "5, false, 3, SHARD_GRAD_OP",
            "1, true, 2, SHARD_GRAD_OP", "4, true, 3, SHARD_GRAD_OP", "3, false, 4, NO_SHARD", "2, true, 2, NO_SHARD", "5, false, 4, HYBRID_SHARD"})
    void shouldComputeOnlyWithWhatIsUnshardedInItsSlot(int layers, boolean tied, int worldSize, ShardingStrategy strategy) {
        ShardPlan plan = plan(layers, tied, worldSize, strategy);
        BufferPlan buffers = buffers(plan, DType.BF16);
        Map<Integer, Integer> slotHolds = new HashMap<>();
        var begun = new HashSet<Integer>();
        var unsharded = new HashSet<Integer>();
        for (Instruction i : StepProgram.of(ModelPlan.of(plan)).round()) {
            switch (i) {
                case Unshard(int u) -> {
                    Integer before = slotHolds.put(buffers.gatherSlot().get(u), u);
                    assertThat(before == null || !unsharded.contains(before) && !begun.contains(before)).as("%s overwrites %s", i, before).isTrue();
                    assertThat(!unsharded.contains(u) && begun.add(u)).as("%s twice", i).isTrue();
                    assertThat(buffers.gatherSlotNumel().get(buffers.gatherSlot().get(u)))
                            .isGreaterThanOrEqualTo(plan.units().get(u).unshardedNumel());
                }
                case AwaitUnshard(int u) -> {
                    assertThat(begun.remove(u)).as("%s has begun", i).isTrue();
                    unsharded.add(u);
                }
                case Forward(int u) -> assertThat(unsharded).contains(u);
                case Loss(int u) -> assertThat(unsharded).contains(u);
                case Backward(int u) -> assertThat(u == 0 || unsharded.contains(u)).isTrue();
                case Reshard(int u) -> assertThat(unsharded.remove(u)).as("%s of what is not unsharded", i).isTrue();
                case ClaimGradient _, ReduceScatter _, AwaitReduceScatter _, ShareSums _ -> { }
            }
        }
        assertThat(unsharded).isEmpty();
        assertThat(begun).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"1, false, FULL_SHARD", "4, false, FULL_SHARD", "5, false, FULL_SHARD", "1, true, FULL_SHARD", "4, true, FULL_SHARD",
            "5, true, FULL_SHARD", "4, false, SHARD_GRAD_OP", "5, true, NO_SHARD"})
    void shouldMakeGradientsOnlyInSlotsThatAreClaimedAndReduceEachOnce(int layers, boolean tied, ShardingStrategy strategy) {
        ShardPlan plan = plan(layers, tied, 2, strategy);
        BufferPlan buffers = buffers(plan, DType.BF16);
        Map<Integer, Integer> slotHolds = new HashMap<>();
        List<Integer> reduced = new ArrayList<>();
        var scattering = new HashSet<Integer>();
        for (Instruction i : StepProgram.of(ModelPlan.of(plan)).round()) {
            int slot = buffers.gradientSlot().get(i.unit());
            switch (i) {
                case ClaimGradient(int u) -> {
                    Integer before = slotHolds.put(slot, u);
                    assertThat(before == null || reduced.contains(before)).as("%s overwrites %s", i, before).isTrue();
                    assertThat(buffers.gradientSlotNumel().get(slot)).isGreaterThanOrEqualTo(plan.units().get(u).unshardedNumel());
                }
                case Loss(int u) -> assertThat(slotHolds.get(slot)).isEqualTo(u);
                case Backward(int u) -> assertThat(slotHolds.get(slot)).isEqualTo(u);
                case ReduceScatter(int u) -> {
                    assertThat(slotHolds.get(slot)).isEqualTo(u);
                    assertThat(!reduced.contains(u) && scattering.add(u)).as("%s twice", i).isTrue();
                }
                case AwaitReduceScatter(int u) -> {
                    assertThat(scattering.remove(u)).as("%s has begun", i).isTrue();
                    reduced.add(u);
                }
                case Unshard _, AwaitUnshard _, Forward _, Reshard _, ShareSums _ -> { }
            }
        }
        assertThat(scattering).isEmpty();
        assertThat(reduced).doesNotHaveDuplicates().hasSize(plan.units().size());
        assertThat(plan.units().stream().filter(u -> u.spec().kind() == UnitSpec.Kind.HEAD).count()).isEqualTo(tied ? 0 : 1);
    }

    /// Between a collective's two instructions lies a unit's computation, but where there is none left.
    @ParameterizedTest
    @CsvSource({"4, false", "5, true"})
    void shouldComputeBetweenTheBeginningOfACollectiveAndItsEnd(int layers, boolean tied) {
        List<Instruction> round = StepProgram.of(ModelPlan.of(plan(layers, tied, 2, ShardingStrategy.FULL_SHARD))).round();
        for (int u = 1; u <= layers; u++) {
            assertThat(between(round, new Unshard(u), new AwaitUnshard(u))).hasAtLeastOneElementOfType(Forward.class);
            if (u > 1) { assertThat(between(round, new ReduceScatter(u), new AwaitReduceScatter(u))).contains(new Backward(u - 1)); }
        }
        for (int u = 1; u < layers; u++) { assertThat(round).containsSubsequence(new Unshard(u), new Backward(u + 1), new AwaitUnshard(u), new Backward(u)); }
        if (!tied) {
            int head = layers + 1;
            assertThat(between(round, new Unshard(head), new AwaitUnshard(head))).contains(new Forward(layers));
            assertThat(between(round, new ReduceScatter(head), new AwaitReduceScatter(head))).contains(new Backward(layers));
        }
    }

    private static List<Instruction> between(List<Instruction> round, Instruction first, Instruction last) {
        return round.subList(round.indexOf(first), round.indexOf(last));
    }

    /// Only one gather and one gradient slot have the size of an embedding.
    @Test
    void shouldHoldTheSecondGradientInASlotOfABlocksSize() {
        var config = new LlamaConfig(24, 40, 4, 4, 2, 6, 32_000, 64, 1e-6, 10000, new RopeScaling.None(), false, false, false, 0.02);
        ShardPlan plan = ShardPlanner.plan(ModelSpec.of(config), 2);
        long embedding = plan.units().getFirst().unshardedNumel();
        long head = plan.units().getLast().unshardedNumel();
        long block = plan.units().get(1).unshardedNumel();
        assertThat(buffers(plan, DType.BF16).gatherSlotNumel()).containsExactly(Math.max(head, embedding), block, block);
        assertThat(buffers(plan, DType.BF16).gradientSlotNumel()).containsExactly(Math.max(head, embedding), block);
    }

    /// Adapters of all blocks, and sometimes a whole module beside them.
    @ParameterizedTest
    @CsvSource({"FULL_SHARD, false, ''", "FULL_SHARD, true, ''", "FULL_SHARD, false, lm_head", "FULL_SHARD, true, embed_tokens",
            "NO_SHARD, false, embed_tokens"})
    void shouldReduceOnlyWhatIsTrained(ShardingStrategy strategy, boolean tied, String saved) {
        var config = new LlamaConfig(24, 40, 4, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, false, false, 0.02);
        var lora = new LoraConfig(4, 8, 0, TargetModules.of("q_proj"), false, saved.isEmpty() ? List.of() : List.of(saved));
        ModelPlan plan = ModelPlan.of(ModelSpec.of(config), lora, Sharding.of(strategy, 2, 2));
        StepProgram program = StepProgram.of(plan);
        var whole = StepProgram.of(ModelPlan.of(ShardPlanner.plan(ModelSpec.of(config), Sharding.of(strategy, 2, 2))));
        var trained = new ArrayList<Integer>();
        for (int layer = 0; layer < plan.layers(); layer++) {
            boolean isBlock = layer >= 1 && layer <= 4;
            boolean isSaved = saved.equals("lm_head") && layer == 5 || saved.equals("embed_tokens") && layer == 0;
            if (isBlock || isSaved) { trained.add(layer); }
        }
        List<Instruction> expected = whole.round().stream().filter(i -> switch (i) {
            case ClaimGradient _, ReduceScatter _, AwaitReduceScatter _ -> trained.contains(i.unit());
            case Backward(int u) -> u > 0 || trained.contains(0);
            default -> true;
        }).toList();
        assertThat(program.round()).isEqualTo(expected);
        assertThat(program.ending()).extracting(Instruction::unit).isEqualTo(strategy == ShardingStrategy.NO_SHARD ? trained : List.of());
        BufferPlan frozen = BufferPlan.of(plan, plan.frozen().orElseThrow(), DType.BF16);
        assertThat(frozen.gradientSlotNumel()).isEmpty();
        for (BufferPlan b : List.of(frozen, BufferPlan.of(plan, plan.trained(), DType.BF16))) {
            assertThat(b.gatherSlotNumel()).allMatch(numel -> numel > 0);
            assertThat(b.gradientSlotNumel()).allMatch(numel -> numel > 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, false, 2", "HYBRID_SHARD, true, 2", "SHARD_GRAD_OP, false, 1", "SHARD_GRAD_OP, true, 1", "NO_SHARD, false, 1"})
    void shouldGatherABlockAsOftenAsTheStrategySays(ShardingStrategy strategy, boolean tied, int times) {
        List<Instruction> round = StepProgram.of(ModelPlan.of(plan(5, tied, 4, strategy))).round();
        for (int block = 1; block < 5; block++) { assertThat(Collections.frequency(round, new Unshard(block))).isEqualTo(times); }
        assertThat(Collections.frequency(round, new Unshard(5))).as("the last block's backward comes next").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 4, 0", "SHARD_GRAD_OP, 4, 0", "NO_SHARD, 4, 1", "NO_SHARD, 1, 0", "HYBRID_SHARD, 4, 1", "HYBRID_SHARD, 2, 0"})
    void shouldShareSumsOnceAStepWhereShardsAreHeldTwice(ShardingStrategy strategy, int worldSize, int times) {
        ShardPlan plan = plan(3, false, worldSize, strategy);
        assertThat(StepProgram.of(ModelPlan.of(plan)).ending()).hasSize(times * plan.units().size()).doesNotHaveDuplicates();
    }

    @Test
    void shouldComputeInPlaceWithWholeUnitsInF32() {
        ShardPlan odd = plan(2, false, 2, ShardingStrategy.NO_SHARD);
        assertThat(buffers(odd, DType.F32).gatherSlot()).as("24 elements of a gain are no multiple of 32, so weights follow at another place")
                .containsExactly(BufferPlan.IN_PLACE, 1, 2, 0);
        var config = new LlamaConfig(32, 64, 2, 4, 2, 8, 33, 64, 1e-6, 10000, new RopeScaling.None(), false, false, false, 0.02);
        ShardPlan even = ShardPlanner.plan(ModelSpec.of(config), Sharding.of(ShardingStrategy.NO_SHARD, 2, 1));
        assertThat(buffers(even, DType.F32).gatherSlot()).containsOnly(BufferPlan.IN_PLACE);
        assertThat(buffers(even, DType.F32).totalGatherNumel()).isZero();
        assertThat(buffers(even, DType.BF16).gatherSlot()).containsExactly(0, 1, 2, 0);
        assertThat(buffers(ShardPlanner.plan(ModelSpec.of(config), 2), DType.F32).gatherSlot()).doesNotContain(BufferPlan.IN_PLACE);
    }

    private static BufferPlan buffers(ShardPlan plan, DType dtype) {
        ModelPlan model = ModelPlan.of(plan);
        return BufferPlan.of(model, model.trained(), dtype);
    }

    private static ShardPlan plan(int layers, boolean tied, int worldSize, ShardingStrategy strategy) {
        var config = new LlamaConfig(24, 40, layers, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, false, false, 0.02);
        return ShardPlanner.plan(ModelSpec.of(config), Sharding.of(strategy, worldSize, 2));
    }
}
