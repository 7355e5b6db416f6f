package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.estimate.ActivationEstimate;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
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
        byte[][] gradients = new byte[2][];
        for (boolean checkpointing : new boolean[] {false, true}) {
            long bytes = ActivationEstimate.stepArenaBytes(config, B, T, checkpointing, 0);
            try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(bytes)) {
                var model = new MicroBatch(config, new ReferenceKernels(), DType.F32, T, jobArena);
                model.initialise(seed);
                model.run(stepArena, ids, B, T, 0.1, checkpointing);
                assertThat(stepArena.highWaterBytes()).as("seed=%d B=%d T=%d %s", seed, B, T, config).isEqualTo(bytes);
                gradients[checkpointing ? 1 : 0] = model.gradients.get(1).toArray(ValueLayout.JAVA_BYTE);
            }
        }
        assertThat(Arrays.equals(gradients[0], gradients[1])).as("checkpointing changes no bit, seed=%d", seed).isTrue();
    }
}
