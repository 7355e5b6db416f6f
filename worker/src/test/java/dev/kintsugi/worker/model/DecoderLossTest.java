package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.estimate.LossChunks;
import dev.kintsugi.worker.autograd.Linear;
import dev.kintsugi.worker.autograd.Norm;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DecoderLossTest {
    private static final LlamaConfig CONFIG = new LlamaConfig(6, 8, 1, 1, 1, 2, 11, 64, 1e-5, 100, new RopeScaling.None(), false, false, false, 0.02);
    private static final int N = 1200;
    private static final double SCALE = 0.01;

    @Test
    void shouldGiveTheSameInChunksAsAtOnce() {
        assertThat(LossChunks.rows(N, CONFIG.vocabSize())).isEqualTo(512);         // so the last of the three chunks is short
        var random = new Random(1);
        int[] labels = random.ints(N, -3, CONFIG.vocabSize()).toArray();           // some negative: not counted
        try (Arena jobArena = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(4 << 20)) {
            var kernels = new ReferenceKernels();
            var model = new MicroBatch(CONFIG, kernels, DType.F64, 2, jobArena);
            model.initialise(2);
            UnitParameters head = model.units.getLast();
            Tensor x = arena.allocate(DType.F64, N, CONFIG.hiddenSize());
            for (long i = 0; i < x.numel(); i++) { MicroBatch.set(x, i, random.nextGaussian()); }
            var chunked = Variable.of(x);
            double loss = model.decoder.loss(new Tape(kernels, arena, false), head, chunked, MicroBatch.ints(arena, labels), SCALE, true);

            var whole = Variable.of(x);
            var tape = new Tape(kernels, arena, true);
            Tensor chunkedGradient = copy(arena, head.get("lm_head.weight").grad());
            Tensor chunkedGain = copy(arena, head.get("model.norm.weight").grad());
            model.zeroGradients();
            Variable logits = tape.normLinear(whole, new Norm.Rms(head.get("model.norm.weight"), CONFIG.rmsNormEps()), false,
                    List.of(new Tape.Projection(arena.allocate(DType.F64, N, CONFIG.vocabSize()), new Linear(head.get("lm_head.weight"), null, null))))
                    .getFirst();
            Tensor dLogits = copy(arena, logits.data());
            double expected = kernels.crossEntropy(dLogits, MicroBatch.ints(arena, labels), SCALE, true);
            logits.setGrad(dLogits);
            tape.backward(logits);

            assertThat(loss).isCloseTo(expected, within(1e-9));
            assertEqual(chunked.grad(), whole.grad());
            assertEqual(chunkedGradient, head.get("lm_head.weight").grad());
            assertEqual(chunkedGain, head.get("model.norm.weight").grad());
        }
    }

    private static Tensor copy(StepArena arena, Tensor t) {
        Tensor copy = arena.allocate(t.dtype(), t.shape());
        copy.data().copyFrom(t.data());
        return copy;
    }

    private static void assertEqual(Tensor actual, Tensor expected) {
        double largest = 0;
        for (long i = 0; i < actual.numel(); i++) {
            assertThat(MicroBatch.get(actual, i)).isCloseTo(MicroBatch.get(expected, i), within(1e-11));
            largest = Math.max(largest, Math.abs(MicroBatch.get(actual, i)));
        }
        assertThat(largest).isGreaterThan(1e-3);
    }
}
