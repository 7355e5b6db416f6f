package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.estimate.ActivationEstimate;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationEstimatePropertyTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void shouldEqualTheArenasHighWaterMarkToTheByte(long seed) {
        var random = new Random(seed);
        LlamaConfig config = RandomConfigs.next(random);
        int B = 1 + random.nextInt(3);
        int T = 1 + random.nextInt(40);
        int[] ids = random.ints(B * T, 0, config.vocabSize()).toArray();
        byte[] gradients = run(config, new ReferenceKernels(), seed, ids, B, T, false, ActivationEstimate.stepArenaBytes(config, B, T, false, 0));
        byte[] again = run(config, new ReferenceKernels(), seed, ids, B, T, true, ActivationEstimate.stepArenaBytes(config, B, T, true, 0));
        assertThat(again).as("checkpointing changes no bit, seed=%d", seed).isEqualTo(gradients);

        gradients = run(config, CpuKernels.open(), seed, ids, B, T, false, ActivationEstimate.stepArenaBytes(config, B, T, false));
        again = run(config, CpuKernels.open(), seed, ids, B, T, true, ActivationEstimate.stepArenaBytes(config, B, T, true));
        assertThat(again).as("checkpointing changes no bit, cpu, seed=%d", seed).isEqualTo(gradients);
    }

    /// Returns the first block's gradients, after holding the arena to `bytes`.
    private static byte[] run(LlamaConfig config, Kernels kernels, long seed, int[] ids, int B, int T, boolean checkpointing, long bytes) {
        try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(bytes)) {
            var model = new MicroBatch(config, kernels, DType.F32, T, jobArena);
            model.initialise(seed);
            model.run(stepArena, ids, B, T, 0.1, checkpointing);
            assertThat(stepArena.highWaterBytes()).as("%s seed=%d B=%d T=%d %s", kernels.description(), seed, B, T, config).isEqualTo(bytes);
            return model.gradients.get(1).toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
