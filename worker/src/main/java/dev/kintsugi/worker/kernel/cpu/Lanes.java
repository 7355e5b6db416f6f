package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of f32 over off-heap memory, and sums whose order does not depend on the vector's width. See [Rows] for bf16.
///
/// A sum has [#SUMS] partial sums: element i goes to partial sum `i % 16`, and these are added pairwise at the end. Narrower
/// vectors walk the row once for each slice of the partial sums. `FloatVector#reduceLanes(ADD)` has no fixed order, so it is not used.
final class Lanes {
    static final VectorSpecies<Float> F = Bf16.FLOATS;
    static final int L = F.length();
    static final int SUMS = 16;
    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);

    private Lanes() {}

    static float get(MemorySegment x, long i, boolean bf16) {
        return bf16 ? Bf16.get(x, i) : x.get(FLOAT, i * 4);
    }

    static void set(MemorySegment y, long i, float value, boolean bf16) {
        if (bf16) {
            Bf16.set(y, i, value);
        } else {
            y.set(FLOAT, i * 4, value);
        }
    }

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
}
