package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The kernels of text generation against their scalar twins, to the bit, and against fp64. `CpuKernelsPropertyTest` has them against the
/// reference, with the kernels that take over for more rows.
class ThinKernelsPropertyTest {
    private static final int TRIALS = 60;
    private final Kernels kernels = CpuKernels.open();

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void shouldMakeDotProductsLikeTheScalarTwin(DType dtype) {
        for (int i = 0; i < TRIALS; i++) {
            var t = new Trial(kernels, dtype);
            boolean bf16 = dtype == DType.BF16;
            int n = t.size();
            int rows = t.size();
            int count = t.upTo(4);
            int sharing = t.upTo(2);
            int stride = n * Math.ceilDiv(count, sharing) + (t.coin() ? t.upTo(40) : 0);
            int at = t.upTo(9) - 1;
            Tensor x = t.value(at + (long) count * n);
            Tensor w = t.value(at + (long) rows * stride);
            var dots = new RowDots();
            dots.take(t.value(207).data(), 0, t.upTo(207), 1, bf16);       // leaves nothing behind
            dots.take(x.data(), at, n, count, bf16);
            float[] out = new float[count * (rows + 3)];
            dots.dots(out, rows + 3, w.data(), at, stride, sharing, rows);
            for (int vector = 0; vector < count; vector++) {
                for (int row = 0; row < rows; row++) {
                    float actual = out[vector * (rows + 3) + row];
                    long from = at + (long) row * stride + (long) (vector / sharing) * n;
                    String what = "vector %d, row %d of %d, n=%d stride=%d at=%d, seed=%d".formatted(vector, row, rows, n, stride, at, t.seed);
                    assertThat(actual).as(what).isEqualTo(dots.scalar(vector, w.data(), from));
                    assertThat((double) actual).as(what).isCloseTo(dot(x, at + (long) vector * n, w, from, n), within(1e-6 * n + 1e-6));
                }
            }
        }
    }

    private static double dot(Tensor x, long xAt, Tensor w, long wAt, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) { sum += (double) Trial.at(x, xAt + i) * Trial.at(w, wAt + i); }
        return sum;
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void shouldAddWeightedRowsLikeTheScalarTwin(DType dtype) {
        for (int i = 0; i < TRIALS; i++) {
            var t = new Trial(kernels, dtype);
            int D = t.size();
            int rows = t.size();
            int heads = t.upTo(4);
            int sharing = t.upTo(2);
            int stride = D * Math.ceilDiv(heads, sharing) + (t.coin() ? t.upTo(40) : 0);
            int at = t.upTo(9) - 1;
            Tensor v = t.value(at + (long) rows * stride);
            float[] weights = new float[heads * rows];
            for (int w = 0; w < weights.length; w++) { weights[w] = t.upTo(1000) / 1000f; }
            float[] out = new float[heads * D];
            new WeightedRows().sum(out, weights, rows, v.data(), at, stride, rows, heads, sharing, D, dtype == DType.BF16);
            for (int h = 0; h < heads; h++) {
                float[] own = Arrays.copyOfRange(weights, h * rows, (h + 1) * rows);
                for (int d = 0; d < D; d++) {
                    long from = at + (long) (h / sharing) * D + d;
                    double expected = 0;
                    for (int row = 0; row < rows; row++) { expected += (double) own[row] * Trial.at(v, from + (long) row * stride); }
                    String what = "head %d, element %d of %d, rows=%d stride=%d at=%d, seed=%d".formatted(h, d, D, rows, stride, at, t.seed);
                    assertThat(out[h * D + d]).as(what).isEqualTo(WeightedRows.scalar(own, v.data(), from, stride, rows, dtype == DType.BF16));
                    assertThat((double) out[h * D + d]).as(what).isCloseTo(expected, within(1e-6 * rows + 1e-6));
                }
            }
        }
    }

    /// So a token's logits do not hang on how many others came with it.
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void shouldGiveARowTheBitsThatItHasAlone(DType dtype) {
        for (int i = 0; i < TRIALS / 2; i++) {
            var t = new Trial(kernels, dtype);
            int N = t.upTo(ThinLinear.ROWS_MAX);
            int K = t.size();
            int O = t.size();
            Tensor x = t.value(N, K);
            Tensor w = t.value(O, K);
            Tensor together = t.value(N, O);
            Tensor alone = t.value(1, O);
            kernels.linear(together, x, w, null);
            for (int n = 0; n < N; n++) {
                kernels.linear(alone, x.rows(n, 1), w, null);
                assertSame(together.rows(n, 1), alone, "row %d of %d, K=%d O=%d, seed=%d".formatted(n, N, K, O, t.seed));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void shouldGiveAQueryTheBitsThatItHasAlone(DType dtype) {
        for (int i = 0; i < TRIALS / 2; i++) {
            var t = new Trial(kernels, dtype);
            int G = t.upTo(2);
            int H = G * t.upTo(2);
            int D = 2 * t.upTo(40);
            int T = t.upTo(ThinAttention.QUERIES_MAX);
            int S = T + t.size();
            Tensor q = t.value(1, T, H, D);
            Tensor k = t.value(1, S, G, D);
            Tensor v = t.value(1, S, G, D);
            Tensor together = t.value(1, T, H, D);
            var mask = t.coin() ? AttentionMask.CAUSAL : new AttentionMask(t.upTo(S));
            attend(t, together, q, k, v, mask);
            for (int query = 0; query < T; query++) {
                int seen = S - T + query + 1;
                Tensor alone = t.value(1, 1, H, D);
                int first = mask.first(0, 0, seen);
                int count = seen - first;
                attend(t, alone, q.reshape(T, H, D).rows(query, 1).reshape(1, 1, H, D), k.reshape(S, G, D).rows(first, count).reshape(1, count, G, D),
                        v.reshape(S, G, D).rows(first, count).reshape(1, count, G, D), AttentionMask.CAUSAL);
                assertSame(together.reshape(T, H, D).rows(query, 1), alone, "query %d of %d, S=%d D=%d %s, seed=%d".formatted(query, T, S, D, mask, t.seed));
            }
        }
    }

    private void attend(Trial t, Tensor out, Tensor q, Tensor k, Tensor v, AttentionMask mask) {
        Tensor lse = t.normal(1, q.dim(2), q.dim(1));
        Tensor scratch = t.normal(kernels.attentionScratchNumel(1, q.dim(1), k.dim(1), q.dim(2), k.dim(2), q.dim(3)));
        kernels.attention(out, lse, q, k, v, mask, scratch);
    }

    private static void assertSame(Tensor actual, Tensor expected, String what) {
        assertThat(actual.data().mismatch(expected.data())).as(what).isEqualTo(-1);
    }

    @Test
    void shouldRefuseToReadBeyondTheMatrix() {
        var t = new Trial(kernels, DType.BF16);
        MemorySegment w = t.value(64, 64).data();
        var dots = new RowDots();
        dots.take(w, 0, 64, 1, true);
        assertThatThrownBy(() -> dots.dots(new float[65], 0, w, 0, 64, 1, 65)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
