package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;

import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Rows, or pieces of tensors, as f32 arrays that stay in the first-level cache. Kernels read f32 or bf16 into them, compute there and
/// write the result back, rounding once: one loop serves both types, has no tail (arrays are padded to whole groups of partial sums),
/// and is small enough for the compiler to keep its vectors in registers, which loops over several bf16 segments are not.
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

    /// Largest of `n >= 1` elements; NaN if one is NaN.
    static float max(float[] x, int n) {
        int whole = F.loopBound(n);
        float max = x[0];
        if (whole > 0) {
            var v = FloatVector.fromArray(F, x, 0);
            for (int i = L; i < whole; i += L) { v = v.max(FloatVector.fromArray(F, x, i)); }
            max = v.reduceLanes(VectorOperators.MAX);
        }
        for (int i = whole; i < n; i++) { max = Math.max(max, x[i]); }
        return max;
    }

    /// `y = exp(x - shift)`; y may be x. Zeros behind the row become something else.
    static void exp(float[] y, float[] x, int n, float shift) {
        int padded = padded(n);
        for (int i = 0; i < padded; i += L) { Exp.exp(FloatVector.fromArray(F, x, i).sub(shift)).intoArray(y, i); }
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
