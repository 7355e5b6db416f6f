package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Bf16;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Several threads against one: the same bits, of shapes as models have them and of odd ones. But for bf16 products: oneDNN cuts the sums of one
/// by its number of rows, so a part's may round otherwise, now and then.
class ThreadedKernelsPropertyTest {
    private final Arena arena = Arena.ofShared();
    private final Random random = new Random(7);
    private final Kernels one = CpuKernels.open();

    @AfterEach
    void close() {
        arena.close();
    }

    private Tensor normal(DType dtype, long... shape) {
        Tensor t = new Tensor(arena.allocate(Tensor.numel(shape) * dtype.bytes(), 64), dtype, shape);
        for (long i = 0; i < t.numel(); i++) {
            float x = (float) random.nextGaussian();
            if (dtype == DType.BF16) {
                Bf16.set(t.data(), i, x);
            } else {
                t.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, x);
            }
        }
        return t;
    }

    private Tensor ids(int bound, long n) {
        Tensor t = new Tensor(arena.allocate(4 * n, 64), DType.I32, n);
        for (long i = 0; i < n; i++) { t.data().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(bound)); }
        return t;
    }

    private Tensor copyOf(Tensor t) {
        if (t == null) { return null; }
        MemorySegment data = arena.allocate(t.bytes(), 64).copyFrom(t.data());
        return new Tensor(data, t.dtype(), t.shape());
    }

    private void check(BiConsumer<Kernels, Tensor[]> operation, Tensor... tensors) {
        check(0, operation, tensors);
    }

    /// @param ulps how far values may be away, as a share of the tensor's largest
    private void check(double ulps, BiConsumer<Kernels, Tensor[]> operation, Tensor... tensors) {
        for (int threads : new int[] {2, 3, 5}) {
            List<Tensor[]> results = new ArrayList<>();
            try (var several = ThreadedKernels.open(threads)) {
                for (Kernels kernels : List.of(one, several)) {
                    Tensor[] copies = new Tensor[tensors.length];
                    for (int i = 0; i < tensors.length; i++) { copies[i] = copyOf(tensors[i]); }
                    operation.accept(kernels, copies);
                    results.add(copies);
                }
            }
            for (int i = 0; i < tensors.length; i++) {
                if (tensors[i] == null) { continue; }
                if (ulps > 0) {
                    assertClose(ulps, results.get(1)[i], results.get(0)[i]);
                } else {
                    assertThat(results.get(1)[i].data().mismatch(results.get(0)[i].data())).as("%d threads, tensor %d, %s", threads, i, tensors[i])
                            .isEqualTo(-1);
                }
            }
        }
    }

    private static void assertClose(double ulps, Tensor actual, Tensor expected) {
        double largest = 0;
        double difference = 0;
        for (long i = 0; i < actual.numel(); i++) {
            largest = Math.max(largest, Math.abs(value(expected, i)));
            difference = Math.max(difference, Math.abs(value(actual, i) - value(expected, i)));
        }
        assertThat(difference).as("%s", actual).isLessThanOrEqualTo(ulps * largest);
    }

    private static double value(Tensor t, long i) {
        return t.dtype() == DType.BF16 ? Bf16.get(t.data(), i) : t.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "BF16"})
    void shouldMultiplyAsOneThreadDoes(DType dtype) {
        double ulps = dtype == DType.BF16 ? 0x1p-8 : 0;
        for (int[] shape : new int[][] {{512, 256, 688}, {1024, 768, 768}, {4, 64, 100}, {1, 768, 1000}, {67, 33, 129}}) {
            int N = shape[0];
            int K = shape[1];
            int O = shape[2];
            check(ulps, (k, t) -> k.linear(t[0], t[1], t[2], t[3]), normal(dtype, N, O), normal(dtype, N, K), normal(dtype, O, K), normal(dtype, O));
            check(ulps, (k, t) -> k.linearAdd(t[0], t[1], t[2]), normal(dtype, N, O), normal(dtype, N, K), normal(dtype, O, K));
            check(0, (k, t) -> k.scale(t[0], 0.7), normal(dtype, N, O));
            for (boolean accumulate : new boolean[] {false, true}) {
                check(0, (k, t) -> k.dropout(t[0], t[1], new DropoutMask(0.3, 9), 7, accumulate), normal(dtype, N, O), normal(dtype, N, O));
            }
            check(ulps, (k, t) -> k.linearBackwardInput(t[0], t[1], t[2], false), normal(dtype, N, K), normal(dtype, N, O), normal(dtype, O, K));
            for (boolean accumulate : new boolean[] {false, true}) {
                check(ulps, (k, t) -> k.linearBackwardWeight(t[0], t[1], t[2], t[3], accumulate), normal(DType.F32, O, K), normal(DType.F32, O),
                        normal(dtype, N, O), normal(dtype, N, K));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "BF16"})
    void shouldAttendAsOneThreadDoes(DType dtype) {
        for (int B : new int[] {1, 4}) {
            int T = 150;
            Tensor positions = positions(B, T);
            var mask = B == 1 ? new AttentionMask(40) : new AttentionMask(T, positions);
            Tensor scratch = normal(DType.F32, 5 * one.attentionScratchNumel(B, T, T, 4, 2, 32));
            Tensor q = normal(dtype, B, T, 4, 32);
            Tensor k = normal(dtype, B, T, 2, 32);
            Tensor v = normal(dtype, B, T, 2, 32);
            Tensor out = normal(dtype, B, T, 4, 32);
            Tensor lse = normal(DType.F32, B, 4, T);
            check((kernels, t) -> kernels.attention(t[0], t[1], t[2], t[3], t[4], mask, copyOf(scratch)), out, lse, q, k, v);
            one.attention(out, lse, q, k, v, mask, scratch);
            check((kernels, t) -> kernels.attentionBackward(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], mask,
                    copyOf(scratch)), normal(dtype, B, T, 4, 32),
                    normal(dtype, B, T, 2, 32), normal(dtype, B, T, 2, 32), normal(dtype, B, T, 4, 32), out, lse, q, k, v);
            check((kernels, t) -> kernels.rotary(t[0], t[1], t[2], 3, true), q, normal(DType.F32, T + 3, 16), normal(DType.F32, T + 3, 16));
            check((kernels, t) -> kernels.rotary(t[0], t[1], t[2], positions, true), q, normal(DType.F32, T, 16), normal(DType.F32, T, 16));
        }
    }

    /// A sample's length is another in each row.
    private static Tensor positions(int B, int T) {
        var positions = new Tensor(Arena.ofAuto().allocate(4L * B * T), DType.I32, B, T);
        for (int i = 0; i < B * T; i++) { positions.data().setAtIndex(ValueLayout.JAVA_INT, i, i % T % (37 + 5 * (i / T))); }
        return positions;
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "BF16"})
    void shouldComputeRowsAsOneThreadDoes(DType dtype) {
        int N = 133;
        int C = 72;
        check((k, t) -> k.rmsNorm(t[0], t[1], t[2], t[3], 1e-6), normal(dtype, N, C), normal(DType.F32, N), normal(dtype, N, C), normal(dtype, C));
        check((k, t) -> k.rmsNormBackward(t[0], t[1], t[2], t[3], t[4], t[5]), normal(dtype, N, C), normal(DType.F32, C), normal(dtype, N, C),
                normal(dtype, N, C), normal(dtype, C), normal(DType.F32, N));
        check((k, t) -> k.layerNorm(t[0], t[1], t[2], t[3], t[4], 1e-6), normal(dtype, N, C), normal(DType.F32, N, 2), normal(dtype, N, C),
                normal(dtype, C), normal(dtype, C));
        check((k, t) -> k.layerNormBackward(t[0], t[1], t[2], t[3], t[4], t[5], t[6]), normal(dtype, N, C), normal(DType.F32, C),
                normal(DType.F32, C), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, C), normal(DType.F32, N, 2));
        check((k, t) -> k.gelu(t[0], t[1], Activation.GELU), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.geluBackward(t[0], t[1], t[2], t[3], Activation.GELU_TANH), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C),
                normal(dtype, N, C));
        check((k, t) -> k.splitHeads(t[0], t[1], t[2], t[3], 24), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, 3 * C));
        check((k, t) -> k.joinHeads(t[0], t[1], t[2], t[3], 24), normal(dtype, N, 3 * C), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.swiglu(t[0], t[1], t[2]), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.swigluBackward(t[0], t[1], t[2], t[3], t[4], t[5]), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C),
                normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.add(t[0], t[1], t[2]), normal(dtype, N, C), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.copy(t[0], t[1]), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.fill(t[0], 3), normal(dtype, N, C));
        check((k, t) -> k.accumulate(t[0], t[1]), normal(dtype, N, C), normal(dtype, N, C));
        check((k, t) -> k.embedding(t[0], t[1], t[2]), normal(dtype, N, C), ids(50, N), normal(dtype, 50, C));
        check((k, t) -> k.embeddingBackward(t[0], t[1], t[2]), normal(DType.F32, 50, C), normal(dtype, N, C), ids(50, N));
        var losses = new ArrayList<Double>();
        check((k, t) -> losses.add(k.crossEntropy(t[0], t[1], 0.25, true)), normal(dtype, N, 500), ids(500, N));
        assertThat(losses).hasSize(6).allMatch(loss -> loss.equals(losses.getFirst()));
    }

    @Test
    void shouldUpdateWeightsAsOneThreadDoes() {
        var step = new Kernels.AdamW(1e-3, 0.9, 0.95, 1e-8, 0.1, 0.1, 0.05, 0.7);
        Tensor squares = normal(DType.F32, 5003).reshape(5003);
        for (long i = 0; i < 5003; i++) { squares.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble()); }
        check((k, t) -> k.adamw(t[0], t[1], t[2], t[3], step), normal(DType.F32, 5003), normal(DType.F32, 5003), squares, normal(DType.F32, 5003));
        var descent = new Kernels.Sgd(1e-3, 0.9, 1, true, 0.1, 0.7);
        check((k, t) -> k.sgd(t[0], t[1], t[2], descent), normal(DType.F32, 5003), normal(DType.F32, 5003), normal(DType.F32, 5003));
        var rms = new Kernels.RmsProp(1e-3, 0.99, 1e-8, 0, 0.1, 0.7);
        check((k, t) -> k.rmsprop(t[0], t[1], null, null, t[2], rms), normal(DType.F32, 5003), squares, normal(DType.F32, 5003));
        Tensor g = normal(DType.F32, 37, 301);
        double[] expected = new double[37];
        double[] actual = new double[37];
        one.rowSumsOfSquares(expected, g);
        try (var several = ThreadedKernels.open(4)) { several.rowSumsOfSquares(actual, g); }
        assertThat(actual).isEqualTo(expected);
    }

    @Test
    void shouldThrowWhatAPartThrows() {
        var team = new Team(3);
        for (int i = 0; i < 3; i++) {
            int culprit = i;
            assertThatThrownBy(() -> team.run(thread -> {
                if (thread == culprit) { throw new IllegalStateException("part " + thread); }
            })).hasMessage("part " + culprit);
        }
        int[] done = new int[3];
        team.run(thread -> done[thread]++);
        assertThat(done).containsExactly(1, 1, 1);
        team.close();
    }
}
