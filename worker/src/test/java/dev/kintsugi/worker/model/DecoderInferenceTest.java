package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderInferenceTest {
    private final Kernels kernels = CpuKernels.open();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void shouldGiveTheSameLogitsWithAndWithoutCache(long seed) {
        var random = new Random(seed);
        ModelConfig config = RandomConfigs.next(random);
        int T = 600;                                             // more than one chunk of the prompt and of the loss
        int[] ids = random.ints(T, 0, config.vocabSize()).toArray();
        try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(64 << 20)) {
            var model = new MicroBatch(config, kernels, DType.F32, T, jobArena);
            model.initialise(seed);
            Tensor expected = model.logits(stepArena, ids, 1, T);
            double loss = kernels.crossEntropy(expected, MicroBatch.ints(stepArena, MicroBatch.labels(ids, T)), 1, false);
            try (var inference = new DecoderInference(config, kernels, weights(model), T)) {
                Tensor whole = inference.logits(ids, jobArena);
                assertClose(whole, expected, 0);
                assertThat(inference.lossSum(ids)).isCloseTo(loss, within(1e-3));
                assertRow(inference.append(Arrays.copyOf(ids, 590)), expected, 589);
                assertRow(inference.append(ids[590]), expected, 590);
                assertRow(inference.append(ids[591], ids[592], ids[593]), expected, 593);
                inference.truncate(591);
                assertRow(inference.append(ids[591]), expected, 591);
                assertThat(inference.length()).isEqualTo(592);
            }
        }
    }

    /// Against the forward pass of training, whose products oneDNN makes. Both are bf16's rounding away from the f32 model of the same weights, so they
    /// are at most twice that from each other.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void shouldGiveTheLogitsOfTrainingInBf16(long seed) {
        var random = new Random(seed);
        ModelConfig config = RandomConfigs.next(random);
        int T = 300;
        int[] ids = random.ints(T, 0, config.vocabSize()).toArray();
        try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(64 << 20)) {
            var model = new MicroBatch(config, kernels, DType.BF16, T, jobArena);
            model.initialise(seed);
            Tensor expected = model.logits(stepArena, ids, 1, T);
            Tensor exact = widened(model, T, jobArena).logits(stepArena, ids, 1, T);
            double rounding = 0;
            for (long i = 0; i < exact.numel(); i++) { rounding = Math.max(rounding, Math.abs(MicroBatch.get(expected, i) - MicroBatch.get(exact, i))); }
            try (var inference = new DecoderInference(config, kernels, weights(model), T)) {
                assertClose(inference.logits(ids, jobArena), expected, 0, 0);
                assertClose(inference.append(Arrays.copyOf(ids, 20)), expected, 19 * config.vocabSize(), 2 * rounding);
                for (int i = 20; i < T; i++) { assertClose(inference.append(ids[i]), expected, (long) i * config.vocabSize(), 2 * rounding); }
            }
        }
    }

    private MicroBatch widened(MicroBatch model, int T, Arena arena) {
        var wide = new MicroBatch(model.config, kernels, DType.F32, T, arena);
        Map<String, Tensor> weights = weights(model);
        wide.forEachParameter(p -> {
            for (long i = 0; i < p.data().numel(); i++) { MicroBatch.set(p.data(), i, MicroBatch.get(weights.get(p.name()), i)); }
        });
        return wide;
    }

    @Test
    void shouldNameAMissingWeightAndRefuseTooLongASequence() {
        ModelConfig config = RandomConfigs.next(new Random(1));
        try (Arena jobArena = Arena.ofConfined()) {
            var model = new MicroBatch(config, kernels, DType.F32, 4, jobArena);
            Map<String, Tensor> weights = weights(model);
            try (var inference = new DecoderInference(config, kernels, weights, 4)) {
                inference.append(1, 2, 3);
                assertThatThrownBy(() -> inference.append(1, 2)).hasMessage("append of 2 ids to a sequence of 3 of 4 positions");
                assertThatThrownBy(inference::append).hasMessageContaining("append of 0 ids");
            }
            weights.remove(config.embeddingName());
            assertThatThrownBy(() -> new DecoderInference(config, kernels, weights, 4)).hasMessageContaining("weight %s=null", config.embeddingName());
        }
    }

    private static Map<String, Tensor> weights(MicroBatch model) {
        var weights = new HashMap<String, Tensor>();
        model.forEachParameter(p -> weights.put(p.name(), p.data()));
        return weights;
    }

    private static void assertRow(Tensor logits, Tensor expected, long row) {
        assertThat(logits.shape()).containsExactly(1, expected.dim(1));
        assertClose(logits, expected, row * logits.numel());
    }

    private static void assertClose(Tensor actual, Tensor expected, long from) {
        assertClose(actual, expected, from, 1e-5);
    }

    private static void assertClose(Tensor actual, Tensor expected, long from, double tolerance) {
        for (long i = 0; i < actual.numel(); i++) {
            if (!(Math.abs(MicroBatch.get(actual, i) - MicroBatch.get(expected, from + i)) <= tolerance)) {
                fail("element %d: %s, expected %s", i, MicroBatch.get(actual, i), MicroBatch.get(expected, from + i));
            }
        }
    }
}
