package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// f32 vectors over off-heap memory, and sums whose order does not depend on the vector's width.
///
/// A sum has [#SUMS] partial sums: element i goes to partial sum `i % 16`, and these are added pairwise at the end. Narrower
/// vectors walk the row once for each slice of the partial sums. `FloatVector#reduceLanes(ADD)` has no fixed order, so it is not used.
final class Lanes {
    /// At most 16 lanes, so that one vector never holds more than all partial sums.
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED.length() > 16
            ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;
    static final int L = F.length();
    static final int SUMS = 16;
    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);

    private Lanes() {}

    /// The vector at byte offset `at`.
    static FloatVector load(MemorySegment x, long at) {
        return FloatVector.fromMemorySegment(F, x, at, LE);
    }

    static void store(FloatVector v, MemorySegment y, long at) {
        v.intoMemorySegment(y, at, LE);
    }

    static FloatVector splat(float x) {
        return FloatVector.broadcast(F, x);
    }

    /// Elements of `n` that whole vectors cover.
    static long whole(long n) {
        return n - n % L;
    }

    /// Elements of `n` that whole groups of partial sums cover.
    static long wholeSums(long n) {
        return n & -SUMS;
    }

    /// Adds 0+8, 1+9 ..; then 0+4 ..; 0+2, 1+3; 0+1. Overwrites `partial`.
    static float pairwise(float[] partial) {
        for (int half = SUMS / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) { partial[i] += partial[i + half]; }
        }
        return partial[0];
    }

    /// Sum of `x[i] * y[i]` over `n` elements from byte offsets `xAt` and `yAt`. `partial` is working space.
    static float dot(MemorySegment x, long xAt, MemorySegment y, long yAt, long n, float[] partial) {
        long whole = wholeSums(n);
        for (int slice = 0; slice < SUMS; slice += L) {
            FloatVector sum = FloatVector.zero(F);
            for (long i = slice; i < whole; i += SUMS) { sum = load(x, xAt + i * 4).fma(load(y, yAt + i * 4), sum); }
            sum.intoArray(partial, slice);
        }
        for (long i = whole; i < n; i++) {
            int lane = (int) (i - whole);
            partial[lane] = Math.fma(x.get(FLOAT, xAt + i * 4), y.get(FLOAT, yAt + i * 4), partial[lane]);
        }
        return pairwise(partial);
    }

    /// Sum of `n` elements from byte offset `at`. `partial` is working space.
    static float sum(MemorySegment x, long at, long n, float[] partial) {
        long whole = wholeSums(n);
        for (int slice = 0; slice < SUMS; slice += L) {
            FloatVector sum = FloatVector.zero(F);
            for (long i = slice; i < whole; i += SUMS) { sum = sum.add(load(x, at + i * 4)); }
            sum.intoArray(partial, slice);
        }
        for (long i = whole; i < n; i++) { partial[(int) (i - whole)] += x.get(FLOAT, at + i * 4); }
        return pairwise(partial);
    }

    /// Largest of `n >= 1` elements; NaN if one is NaN.
    static float max(MemorySegment x, long at, long n) {
        float max = x.get(FLOAT, at);
        long i = 0;
        if (n >= L) {
            FloatVector v = load(x, at);
            for (i = L; i + L <= n; i += L) { v = v.max(load(x, at + i * 4)); }
            max = v.reduceLanes(VectorOperators.MAX);
        }
        for (; i < n; i++) { max = Math.max(max, x.get(FLOAT, at + i * 4)); }
        return max;
    }
}
