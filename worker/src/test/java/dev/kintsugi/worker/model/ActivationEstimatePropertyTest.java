package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.MetaKernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationEstimatePropertyTest {
    private static final RopeScaling NONE = new RopeScaling.None();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void shouldEqualTheArenasHighWaterMarkToTheByte(long seed) {
        var random = new Random(seed);
        ModelConfig config = RandomConfigs.next(random);
        int B = 1 + random.nextInt(3);
        int T = 1 + random.nextInt(40);
        int[] ids = random.ints(B * T, 0, config.vocabSize()).toArray();
        for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
            for (Kernels kernels : List.of(new ReferenceKernels(), CpuKernels.open())) {
                byte[] expected = run(config, kernels, seed, ids, B, T, dtype, ActivationCheckpointing.NONE);
                for (var other : List.of(ActivationCheckpointing.SELECTIVE, ActivationCheckpointing.FULL)) {
                    assertThat(run(config, kernels, seed, ids, B, T, dtype, other)).as("%s checkpointing changes no bit, %s %s seed=%d", other, dtype,
                            kernels.description(), seed).isEqualTo(expected);
                }
            }
        }
    }

    static Stream<ModelConfig> realModels() {
        return Stream.of(
                new LlamaConfig(4096, 11008, 32, 32, 32, 128, 32_000, 4096, 1e-5, 10_000, NONE, false, false, false, 0.02),
                new LlamaConfig(8192, 28672, 80, 64, 8, 128, 128_256, 8192, 1e-5, 500_000, NONE, false, false, false, 0.02),
                new LlamaConfig(2048, 8192, 16, 32, 8, 64, 128_256, 8192, 1e-5, 500_000, NONE, true, false, false, 0.02));
    }

    @ParameterizedTest
    @MethodSource("realModels")
    void shouldEqualWhatTheMetaDeviceCountsForRealModels(ModelConfig config) {
        for (ActivationCheckpointing checkpointing : ActivationCheckpointing.values()) {
            try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.meta()) {
                var model = new MicroBatch(config, new MetaKernels(), DType.BF16, 2048, jobArena);
                model.run(stepArena, null, 2, 2048, 1, checkpointing);
                assertThat(stepArena.highWaterBytes()).isEqualTo(StepMemory.of(ModelPlan.of(plan(config)), 0, 2, 2048, DType.BF16, checkpointing, 1, 1)
                        .activationBytes());
            }
        }
    }

    private static ShardPlan plan(ModelConfig config) {
        return ShardPlanner.plan(ModelSpec.of(config), 1);
    }

    /// Returns the first block's gradients, after holding the arena to the estimate.
    private static byte[] run(ModelConfig config, Kernels kernels, long seed, int[] ids, int B, int T, DType dtype,
            ActivationCheckpointing checkpointing) {
        long scratch = kernels.attentionScratchNumel(B, T, T, config.numAttentionHeads(), config.numKeyValueHeads(), config.headDim());
        long bytes = StepMemory.ofScratch(ModelPlan.of(plan(config)), 0, B, T, dtype, checkpointing, scratch, 1).activationBytes();
        try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(bytes)) {
            var model = new MicroBatch(config, kernels, dtype, T, jobArena);
            model.initialise(seed);
            model.run(stepArena, ids, B, T, 0.1, checkpointing);
            assertThat(stepArena.highWaterBytes()).as("%s seed=%d B=%d T=%d %s", kernels.description(), seed, B, T, config).isEqualTo(bytes);
            return model.gradients.get(1).toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
