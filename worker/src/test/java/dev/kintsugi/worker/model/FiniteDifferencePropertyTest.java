package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The whole model's gradient against central differences, in fp64: no outside library, no fp32 noise.
class FiniteDifferencePropertyTest {
    private static final double STEP = 2e-5;
    private static final double SCALE = 0.125;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void shouldMatchCentralDifferences(long seed) {
        var random = new Random(seed);
        ModelConfig config = RandomConfigs.next(random);
        int B = 1 + random.nextInt(2);
        int T = 2 + random.nextInt(5);
        int[] ids = random.ints(B * T, 0, config.vocabSize()).toArray();
        try (Arena jobArena = Arena.ofConfined(); StepArena stepArena = StepArena.ofBytes(4 << 20)) {
            var model = new MicroBatch(config, new ReferenceKernels(), DType.F64, T, jobArena);
            model.initialise(seed);
            model.run(stepArena, ids, B, T, SCALE, ActivationCheckpointing.values()[random.nextInt(3)]);
            double[] worst = {0};
            model.forEachParameter(p -> {
                for (int sample = 0; sample < 4; sample++) {
                    long i = random.nextLong(p.data().numel());
                    double gradient = MicroBatch.get(p.grad(), i);
                    double expected = SCALE * difference(model, stepArena, ids, B, T, p, i);
                    assertThat(gradient).as("%s[%d] seed=%d %s", p.name(), i, seed, config).isCloseTo(expected, within(1e-8));
                    worst[0] = Math.max(worst[0], Math.abs(gradient));
                }
            });
            assertThat(worst[0]).isGreaterThan(1e-3);
        }
    }

    /// Derivative of the loss by element i of `p`: from two central differences, so that their errors of second order cancel (Richardson). Norms of
    /// small rows bend too much for one.
    private static double difference(MicroBatch model, StepArena arena, int[] ids, int B, int T, Parameter p, long i) {
        double coarse = difference(model, arena, ids, B, T, p, i, STEP);
        double fine = difference(model, arena, ids, B, T, p, i, STEP / 2);
        return (4 * fine - coarse) / 3;
    }

    private static double difference(MicroBatch model, StepArena arena, int[] ids, int B, int T, Parameter p, long i, double step) {
        double value = MicroBatch.get(p.data(), i);
        double[] loss = new double[2];
        for (int side = 0; side < 2; side++) {
            MicroBatch.set(p.data(), i, value + (side == 0 ? -step : step));
            loss[side] = loss(model, arena, ids, B, T);
        }
        MicroBatch.set(p.data(), i, value);
        return (loss[1] - loss[0]) / (2 * step);
    }

    private static double loss(MicroBatch model, StepArena arena, int[] ids, int B, int T) {
        long mark = arena.mark();
        double loss = model.kernels.crossEntropy(model.logits(arena, ids, B, T), MicroBatch.ints(arena, MicroBatch.labels(ids, T)), 1, false);
        arena.release(mark);
        return loss;
    }
}
