package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.LE;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Dot products of one vector x, or some, with many rows of a matrix w, f32 or bf16, at the speed at which one core reads w. One thread.
///
/// **Bits.** Elements come in groups of 32, each with its own partial sum: two vectors of 16, which for bf16 hold the even and the odd
/// elements (a 32-bit lane is a pair, so widening is a shift or a mask) and for f32 the first and the second half. The two are added, then the
/// 16 pairwise as in [Lanes]; elements that fill no group are a chain of their own, added last. [#scalar] is the same in scalars, to the bit.
///
/// **Speed.** Four rows are read at once, [#DISTANCE] apart: one stream alone gets two thirds of the bandwidth, and four neighbouring rows
/// share pages, which spoils the hardware's prefetching. The four sums meet in registers, so that rows overlap. The methods with the loops over
/// w are of more than 325 bytecodes on purpose: the compiler then leaves them alone instead of drawing them into their callers, where it runs out
/// of its budget of 18,000 nodes and puts vectors in boxes.
final class RowDots {
    private static final int GROUP = 2 * SUMS;
    private static final int STREAMS = 4;
    /// Rows between the streams.
    private static final int DISTANCE = 16;
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);
    private static final int UPPER = 0xffff0000;
    private static final boolean ONE_SLICE = L == SUMS;
    private static final FloatVector LOW_EIGHTS = interleave(8, 0);
    private static final FloatVector HIGH_EIGHTS = interleave(8, 8);
    private static final FloatVector LOW_FOURS = interleave(4, 0);
    private static final FloatVector HIGH_FOURS = interleave(4, 4);

    private final float[] partial = new float[STREAMS * SUMS];
    private final float[] scalars = new float[GROUP];
    private final float[] four = new float[STREAMS];
    /// [#SUMS], and not a constant: a loop with a constant step is unrolled eightfold, runs out of registers and halves the speed.
    private int step = SUMS;
    private float[] x = {};
    private float[] first = {};
    private float[] second = {};
    private int n;
    private int count;
    private boolean bf16;

    /// Of `2 * width` lanes of two vectors, every other run of `width`, from lane `from` on.
    private static FloatVector interleave(int width, int from) {
        if (!ONE_SLICE) { return null; }
        float[] lanes = new float[SUMS];
        for (int i = 0; i < SUMS; i++) { lanes[i] = i / width * 2 * width + from + i % width; }
        return FloatVector.fromArray(F, lanes, 0);
    }

    /// Takes the vectors in: `count` of `n` elements each, one after another from element `at` of `from` on. Rows are of the same type.
    void take(MemorySegment from, long at, int n, int count, boolean bf16) {
        x = Rows.atLeast(x, (long) n * count);
        first = Rows.atLeast(first, (long) n * count);
        second = Rows.atLeast(second, (long) n * count);
        this.n = n;
        this.count = count;
        this.bf16 = bf16;
        Rows.read(x, from, at, n * count, bf16);
        for (int vector = 0; vector < count; vector++) { split(vector * n, vector * half()); }
    }

    /// Elements of whole groups that each of the two vectors of sums sees.
    private int half() {
        return n / GROUP * SUMS;
    }

    private void split(int from, int to) {
        int half = half();
        if (bf16) {
            for (int i = 0; i < half; i++) {
                first[to + i] = x[from + 2 * i];
                second[to + i] = x[from + 2 * i + 1];
            }
        } else {
            for (int i = 0; i < half; i += SUMS) {
                System.arraycopy(x, from + 2 * i, first, to + i, SUMS);
                System.arraycopy(x, from + 2 * i + SUMS, second, to + i, SUMS);
            }
        }
    }

    /// `out[v outStride + r] = sum over i of x_v[i] w[at + r stride + v / sharing n + i]` for each vector v and `rows` rows: a row holds the
    /// operands of all vectors side by side, and `sharing` vectors use the same.
    ///
    /// @throws IndexOutOfBoundsException if w is smaller than that
    void dots(float[] out, int outStride, MemorySegment w, long at, long stride, int sharing, int rows) {
        int row = 0;
        for (; row + STREAMS * DISTANCE <= rows; row += STREAMS * DISTANCE) { streams(out, outStride, row, w, at, stride, sharing, DISTANCE); }
        int distance = (rows - row) / STREAMS;
        streams(out, outStride, row, w, at, stride, sharing, distance);
        for (row += STREAMS * distance; row < rows; row++) {
            for (int v = 0; v < count; v++) { out[v * outStride + row] = scalar(v, w, at + row * stride + (long) (v / sharing) * n); }
        }
    }

    private void streams(float[] out, int outStride, int row, MemorySegment w, long at, long stride, int sharing, int distance) {
        int bytes = bf16 ? 2 : 4;
        long apart = distance * stride;
        int half = half();
        for (int i = row; i < row + distance; i++) {
            for (int v = 0; v < count; v++) {
                long from = at + i * stride + (long) (v / sharing) * n;
                if (bf16) {
                    sumsOfBf16(partial, w, from * bytes, apart * bytes, first, second, v * half, half, step);
                } else {
                    sumsOfF32(partial, w, from * bytes, apart * bytes, first, second, v * half, half, step);
                }
                if (ONE_SLICE) {
                    addFours(four, partial);
                } else {
                    addSixteens(four, partial);
                }
                for (int s = 0; s < STREAMS; s++) { out[v * outStride + i + s * distance] = four[s] + tail(v, w, from + s * apart); }
            }
        }
    }

    /// Sums of elements in whole groups of four rows, `between` bytes apart, still 4 partial sums each if one vector holds a row's 16.
    private static void sumsOfBf16(float[] partial, MemorySegment w, long at, long between, float[] even, float[] odd, int xAt, int half,
            int step) {
        for (int slice = 0; slice < SUMS; slice += L) {
            var a0 = FloatVector.zero(F);
            var a1 = a0;
            var a2 = a0;
            var a3 = a0;
            var b0 = a0;
            var b1 = a0;
            var b2 = a0;
            var b3 = a0;
            for (int i = slice; i < half; i += step) {
                var x0 = FloatVector.fromArray(F, even, xAt + i);
                var x1 = FloatVector.fromArray(F, odd, xAt + i);
                long pair = at + i * 4L;
                var w0 = IntVector.fromMemorySegment(I, w, pair, LE);
                var w1 = IntVector.fromMemorySegment(I, w, pair + between, LE);
                var w2 = IntVector.fromMemorySegment(I, w, pair + 2 * between, LE);
                var w3 = IntVector.fromMemorySegment(I, w, pair + 3 * between, LE);
                a0 = even(w0).fma(x0, a0);
                b0 = odd(w0).fma(x1, b0);
                a1 = even(w1).fma(x0, a1);
                b1 = odd(w1).fma(x1, b1);
                a2 = even(w2).fma(x0, a2);
                b2 = odd(w2).fma(x1, b2);
                a3 = even(w3).fma(x0, a3);
                b3 = odd(w3).fma(x1, b3);
            }
            store(partial, slice, a0.add(b0), a1.add(b1), a2.add(b2), a3.add(b3));
        }
    }

    static FloatVector even(IntVector pairs) {
        return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    static FloatVector odd(IntVector pairs) {
        return pairs.and(UPPER).reinterpretAsFloats();
    }

    private static void sumsOfF32(float[] partial, MemorySegment w, long at, long between, float[] first, float[] second, int xAt, int half,
            int step) {
        for (int slice = 0; slice < SUMS; slice += L) {
            var a0 = FloatVector.zero(F);
            var a1 = a0;
            var a2 = a0;
            var a3 = a0;
            var b0 = a0;
            var b1 = a0;
            var b2 = a0;
            var b3 = a0;
            for (int i = slice; i < half; i += step) {
                var x0 = FloatVector.fromArray(F, first, xAt + i);
                var x1 = FloatVector.fromArray(F, second, xAt + i);
                long p0 = at + i * 8L - slice * 4L;
                long p1 = p0 + between;
                long p2 = p1 + between;
                long p3 = p2 + between;
                a0 = FloatVector.fromMemorySegment(F, w, p0, LE).fma(x0, a0);
                b0 = FloatVector.fromMemorySegment(F, w, p0 + SUMS * 4, LE).fma(x1, b0);
                a1 = FloatVector.fromMemorySegment(F, w, p1, LE).fma(x0, a1);
                b1 = FloatVector.fromMemorySegment(F, w, p1 + SUMS * 4, LE).fma(x1, b1);
                a2 = FloatVector.fromMemorySegment(F, w, p2, LE).fma(x0, a2);
                b2 = FloatVector.fromMemorySegment(F, w, p2 + SUMS * 4, LE).fma(x1, b2);
                a3 = FloatVector.fromMemorySegment(F, w, p3, LE).fma(x0, a3);
                b3 = FloatVector.fromMemorySegment(F, w, p3 + SUMS * 4, LE).fma(x1, b3);
            }
            store(partial, slice, a0.add(b0), a1.add(b1), a2.add(b2), a3.add(b3));
        }
    }

    private static void store(float[] partial, int slice, FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3) {
        if (ONE_SLICE) {
            fold(LOW_FOURS, HIGH_FOURS, fold(LOW_EIGHTS, HIGH_EIGHTS, s0, s1), fold(LOW_EIGHTS, HIGH_EIGHTS, s2, s3)).intoArray(partial, 0);
        } else {
            s0.intoArray(partial, slice);
            s1.intoArray(partial, SUMS + slice);
            s2.intoArray(partial, 2 * SUMS + slice);
            s3.intoArray(partial, 3 * SUMS + slice);
        }
    }

    /// Adds the upper half of each of a's and b's sums to the lower half.
    private static FloatVector fold(FloatVector low, FloatVector high, FloatVector a, FloatVector b) {
        return low.selectFrom(a, b).add(high.selectFrom(a, b));
    }

    private static void addFours(float[] four, float[] p) {
        four[0] = (p[0] + p[2]) + (p[1] + p[3]);
        four[1] = (p[4] + p[6]) + (p[5] + p[7]);
        four[2] = (p[8] + p[10]) + (p[9] + p[11]);
        four[3] = (p[12] + p[14]) + (p[13] + p[15]);
    }

    private static void addSixteens(float[] four, float[] partial) {
        for (int s = 0; s < STREAMS; s++) {
            int at = s * SUMS;
            for (int half = SUMS / 2; half > 0; half /= 2) {
                for (int i = 0; i < half; i++) { partial[at + i] += partial[at + i + half]; }
            }
            four[s] = partial[at];
        }
    }

    private float tail(int vector, MemorySegment w, long at) {
        float sum = 0;
        for (int i = n / GROUP * GROUP; i < n; i++) { sum = Math.fma(Lanes.get(w, at + i, bf16), x[vector * n + i], sum); }
        return sum;
    }

    /// The dot product of one of the vectors with the one row that starts at element `at`.
    float scalar(int vector, MemorySegment w, long at) {
        Rows.zero(scalars, 0, GROUP);
        for (int i = 0; i < n / GROUP * GROUP; i++) {
            int j = i % GROUP;
            int sum = bf16 ? j % 2 * SUMS + j / 2 : j;
            scalars[sum] = Math.fma(Lanes.get(w, at + i, bf16), x[vector * n + i], scalars[sum]);
        }
        for (int j = 0; j < SUMS; j++) { scalars[j] += scalars[j + SUMS]; }
        return Lanes.pairwise(scalars) + tail(vector, w, at);
    }
}
