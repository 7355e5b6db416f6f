package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SHORT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Rows, or pieces of tensors, as f32 arrays that stay in the first-level cache. Kernels read f32 or bf16 into them, compute there and
/// write the result back, rounding once: one loop serves both types, has no tail (arrays are padded to whole groups of partial sums),
/// and is small enough for the compiler to keep its vectors in registers, which loops over several bf16 segments are not.
///
/// Past 18,000 nodes of what it compiles at once, HotSpot's C2 inlines the Vector API's methods but no longer ours, and vectors that cross a call
/// become objects. So loops with many operations stand in nested classes named `Loops`, which ranks are told not to inline into their
/// callers (`-XX:CompileCommand=dontinline,*Loops::*`); without that they compute the same, up to three times slower.
final class Rows {
    /// Elements of a piece of a tensor that has no rows.
    static final int PIECE = 1024;

    private Rows() {}

    /// `n` up to whole groups of partial sums, and so to whole vectors.
    static int padded(long n) {
        return Math.toIntExact((n + SUMS - 1) & -SUMS);
    }

    /// An array for rows of `n`: `row` itself if it will do.
    static float[] atLeast(float[] row, long n) {
        return row.length >= padded(n) ? row : new float[padded(n)];
    }

    /// `n` elements from element `at`, then zeros up to [#padded].
    static void read(float[] row, MemorySegment x, long at, int n, boolean bf16) {
        if (bf16) {
            widen(row, x, at, n);
        } else {
            MemorySegment.copy(x, FLOAT, at * 4, row, 0, n);
        }
        int padded = padded(n);
        for (int i = n; i < padded; i++) { row[i] = 0; }
    }

    private static void widen(float[] row, MemorySegment x, long at, int n) {
        int whole = F.loopBound(n);
        for (int i = 0; i < whole; i += L) { Bf16.load(x, at + i).intoArray(row, i); }
        for (int i = whole; i < n; i++) { row[i] = Bf16.get(x, at + i); }
    }

    /// `n` elements of bf16 as they are.
    static void read(short[] row, MemorySegment x, long at, int n) {
        MemorySegment.copy(x, SHORT, at * 2, row, 0, n);
    }

    static void write(MemorySegment y, long at, short[] row, int n) {
        MemorySegment.copy(row, 0, y, SHORT, at * 2, n);
    }

    static void write(MemorySegment y, long at, float[] row, int n, boolean bf16) {
        if (bf16) {
            narrow(y, at, row, n);
        } else {
            MemorySegment.copy(row, 0, y, FLOAT, at * 4, n);
        }
    }

    private static void narrow(MemorySegment y, long at, float[] row, int n) {
        int whole = F.loopBound(n);
        for (int i = 0; i < whole; i += L) { Bf16.store(FloatVector.fromArray(F, row, i), y, at + i); }
        for (int i = whole; i < n; i++) { Bf16.set(y, at + i, row[i]); }
    }

    /// `to[toAt ..] = from[fromAt ..]`, from f32 to f32 or bf16.
    static void cast(MemorySegment to, long toAt, MemorySegment from, long fromAt, int n, boolean bf16) {
        if (bf16) {
            Bf16.narrow(from, fromAt, to, toAt, n);
        } else {
            MemorySegment.copy(from, fromAt * 4, to, toAt * 4, n * 4L);
        }
    }

    /// Sum of `x[i] * y[i]`. `partial` is working space.
    static float dot(float[] x, float[] y, int n, float[] partial) {
        int padded = padded(n);
        for (int slice = 0; slice < SUMS; slice += L) {
            var sum = FloatVector.zero(F);
            for (int i = slice; i < padded; i += SUMS) { sum = FloatVector.fromArray(F, x, i).fma(FloatVector.fromArray(F, y, i), sum); }
            sum.intoArray(partial, slice);
        }
        return Lanes.pairwise(partial);
    }

    static float sum(float[] x, int n, float[] partial) {
        int padded = padded(n);
        for (int slice = 0; slice < SUMS; slice += L) {
            var sum = FloatVector.zero(F);
            for (int i = slice; i < padded; i += SUMS) { sum = sum.add(FloatVector.fromArray(F, x, i)); }
            sum.intoArray(partial, slice);
        }
        return Lanes.pairwise(partial);
    }

    /// Largest of `n` elements but for NaN; negative infinity if there is none.
    static float max(float[] x, int n) {
        int whole = n - n % (4 * L);
        var a = splat(Float.NEGATIVE_INFINITY);
        var b = a;
        var c = a;
        var d = a;
        for (int i = 0; i < whole; i += 4 * L) {
            a = larger(a, FloatVector.fromArray(F, x, i));
            b = larger(b, FloatVector.fromArray(F, x, i + L));
            c = larger(c, FloatVector.fromArray(F, x, i + 2 * L));
            d = larger(d, FloatVector.fromArray(F, x, i + 3 * L));
        }
        float max = larger(larger(a, b), larger(c, d)).reduceLanes(VectorOperators.MAX);
        for (int i = whole; i < n; i++) { max = x[i] > max ? x[i] : max; }
        return max;
    }

    /// `FloatVector#max` also orders zeros and NaN, which takes four times as long.
    private static FloatVector larger(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(VectorOperators.GT, a));
    }

    /// `y[i] = x[i] * factor`, rounded to bf16.
    static void scale(short[] y, float[] x, int from, int n, float factor) {
        int whole = F.loopBound(n);
        for (int i = 0; i < whole; i += L) { Bf16.store(FloatVector.fromArray(F, x, from + i).mul(factor), y, i); }
        for (int i = whole; i < n; i++) { y[i] = Bf16.bits(x[from + i] * factor); }
    }

    /// `x *= factor`.
    static void scale(float[] x, int n, float factor) {
        int padded = padded(n);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, x, i).mul(factor).intoArray(x, i); }
    }

    /// `x += y`.
    static void add(float[] x, float[] y, int n) {
        int padded = padded(n);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, x, i).add(FloatVector.fromArray(F, y, i)).intoArray(x, i); }
    }

    static void zero(float[] x, int from, int to) {
        for (int i = from; i < to; i++) { x[i] = 0; }
    }
}
