package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.LE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/// Sums of rows by weights, for several heads: `out[h D + d] = sum over r of weights[h weightStride + r] v[at + r stride + h / sharing D + d]`, v
/// being f32 or bf16. Each is one chain of fused multiply-adds in the order of rows, so that its bits depend neither on the vectors' width nor
/// on where d falls. Rows are read from left to right, all heads at once, as memory likes it. One thread.
///
/// The methods with the loops are of more than 325 bytecodes on purpose, see [RowDots].
final class WeightedRows {
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    /// Elements that two vectors of sums cover.
    private static final int CHUNK = 2 * L;
    /// Rows at once.
    private static final int ROWS = 4;

    /// `[h][chunk][2][L]`: of bf16 the even elements, then the odd ones.
    private float[] sums = {};

    /// @throws IndexOutOfBoundsException if v is smaller than that
    void sum(float[] out, float[] weights, int weightStride, MemorySegment v, long at, long stride, int rows, int heads, int sharing, int D,
            boolean bf16) {
        int whole = D < CHUNK ? 0 : rows - rows % ROWS;
        Arrays.fill(out, 0, heads * D, 0f);
        if (whole > 0) {
            sums = Rows.atLeast(sums, (long) heads * Math.ceilDiv(D, CHUNK) * CHUNK);
            Arrays.fill(sums, 0f);
            for (int row = 0; row < whole; row += ROWS) {
                if (bf16) {
                    addBf16(sums, weights, row, weightStride, v, (at + row * stride) * 2, stride * 2, heads, sharing, D);
                } else {
                    addF32(sums, weights, row, weightStride, v, (at + row * stride) * 4, stride * 4, heads, sharing, D);
                }
            }
            order(out, heads, D, bf16);
        }
        for (int h = 0; h < heads; h++) {
            for (int row = whole; row < rows; row++) {
                long from = at + row * stride + (long) (h / sharing) * D;
                for (int d = 0; d < D; d++) { out[h * D + d] = Math.fma(Lanes.get(v, from + d, bf16), weights[h * weightStride + row], out[h * D + d]); }
            }
        }
    }

    /// Adds [#ROWS] rows. The last chunk of a head overlaps the one before rather than be shorter.
    private static void addBf16(float[] sums, float[] weights, int row, int weightStride, MemorySegment v, long at, long stride, int heads,
            int sharing, int D) {
        int sum = 0;
        for (int h = 0; h < heads; h++) {
            int weight = h * weightStride + row;
            var weight0 = FloatVector.broadcast(F, weights[weight]);
            var weight1 = FloatVector.broadcast(F, weights[weight + 1]);
            var weight2 = FloatVector.broadcast(F, weights[weight + 2]);
            var weight3 = FloatVector.broadcast(F, weights[weight + 3]);
            long head = at + (long) (h / sharing) * D * 2;
            for (int next = 0; next < D; next += CHUNK) {
                long from = head + Math.min(next, D - CHUNK) * 2L;
                var v0 = IntVector.fromMemorySegment(I, v, from, LE);
                var v1 = IntVector.fromMemorySegment(I, v, from + stride, LE);
                var v2 = IntVector.fromMemorySegment(I, v, from + 2 * stride, LE);
                var v3 = IntVector.fromMemorySegment(I, v, from + 3 * stride, LE);
                var even = FloatVector.fromArray(F, sums, sum);
                var odd = FloatVector.fromArray(F, sums, sum + L);
                even = RowDots.even(v0).fma(weight0, even);
                odd = RowDots.odd(v0).fma(weight0, odd);
                even = RowDots.even(v1).fma(weight1, even);
                odd = RowDots.odd(v1).fma(weight1, odd);
                even = RowDots.even(v2).fma(weight2, even);
                odd = RowDots.odd(v2).fma(weight2, odd);
                RowDots.even(v3).fma(weight3, even).intoArray(sums, sum);
                RowDots.odd(v3).fma(weight3, odd).intoArray(sums, sum + L);
                sum += CHUNK;
            }
        }
    }

    private static void addF32(float[] sums, float[] weights, int row, int weightStride, MemorySegment v, long at, long stride, int heads,
            int sharing, int D) {
        int sum = 0;
        for (int h = 0; h < heads; h++) {
            int weight = h * weightStride + row;
            var weight0 = FloatVector.broadcast(F, weights[weight]);
            var weight1 = FloatVector.broadcast(F, weights[weight + 1]);
            var weight2 = FloatVector.broadcast(F, weights[weight + 2]);
            var weight3 = FloatVector.broadcast(F, weights[weight + 3]);
            long head = at + (long) (h / sharing) * D * 4;
            for (int next = 0; next < D; next += CHUNK) {
                long from = head + Math.min(next, D - CHUNK) * 4L;
                long more = from + L * 4;
                var first = FloatVector.fromArray(F, sums, sum);
                var second = FloatVector.fromArray(F, sums, sum + L);
                first = FloatVector.fromMemorySegment(F, v, from, LE).fma(weight0, first);
                second = FloatVector.fromMemorySegment(F, v, more, LE).fma(weight0, second);
                first = FloatVector.fromMemorySegment(F, v, from + stride, LE).fma(weight1, first);
                second = FloatVector.fromMemorySegment(F, v, more + stride, LE).fma(weight1, second);
                first = FloatVector.fromMemorySegment(F, v, from + 2 * stride, LE).fma(weight2, first);
                second = FloatVector.fromMemorySegment(F, v, more + 2 * stride, LE).fma(weight2, second);
                FloatVector.fromMemorySegment(F, v, from + 3 * stride, LE).fma(weight3, first).intoArray(sums, sum);
                FloatVector.fromMemorySegment(F, v, more + 3 * stride, LE).fma(weight3, second).intoArray(sums, sum + L);
                sum += CHUNK;
            }
        }
    }

    private void order(float[] out, int heads, int D, boolean bf16) {
        int sum = 0;
        for (int h = 0; h < heads; h++) {
            for (int next = 0; next < D; next += CHUNK) {
                int to = h * D + Math.min(next, D - CHUNK);
                for (int i = 0; i < L; i++) {
                    out[bf16 ? to + 2 * i : to + i] = sums[sum + i];
                    out[bf16 ? to + 2 * i + 1 : to + L + i] = sums[sum + L + i];
                }
                sum += CHUNK;
            }
        }
    }

    /// One of the sums of one head, with its weights from 0 on; of the same bits.
    static float scalar(float[] weights, MemorySegment v, long at, long stride, int rows, boolean bf16) {
        float sum = 0;
        for (int row = 0; row < rows; row++) { sum = Math.fma(Lanes.get(v, at + row * stride, bf16), weights[row], sum); }
        return sum;
    }
}
