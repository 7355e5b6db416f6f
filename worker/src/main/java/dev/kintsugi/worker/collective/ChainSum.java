package dev.kintsugi.worker.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// The additions that reductions are made of: `((acc + g0) + g1) + ...`, f32, each rounded once. Vectors add element by element, so the bits
/// are those of a plain loop.
///
/// Two contributions are added in one pass, since such a sum is as fast as memory: the accumulator is read and written once for both. A
/// sum begun afresh does not read it at all, but adds to 0, so that -0 comes out as it does from an accumulator of zeros.
final class ChainSum {
    /// Elements that are added from all ranks before moving on: 16 KiB of accumulator stay in the first-level cache.
    static final int CHUNK_NUMEL = 4096;

    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);

    private ChainSum() {}

    /// One contribution.
    ///
    /// @param accAt byte offset
    /// @param at byte offset in `g`
    /// @param afresh whether the sum begins here; what the accumulator holds is then overwritten
    static void add(MemorySegment acc, long accAt, MemorySegment g, long at, int numel, boolean afresh) {
        int vectorised = afresh ? begin(acc, accAt, g, at, numel) : proceed(acc, accAt, g, at, numel);
        for (int i = vectorised; i < numel; i++) {
            float sum = afresh ? 0 : acc.get(F32, accAt + 4L * i);
            acc.set(F32, accAt + 4L * i, sum + g.get(F32, at + 4L * i));
        }
    }

    private static int begin(MemorySegment acc, long accAt, MemorySegment g, long at, int numel) {
        int vectorised = SPECIES.loopBound(numel);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            load(g, at, i).add(0).intoMemorySegment(acc, accAt + 4L * i, ORDER);
        }
        return vectorised;
    }

    private static int proceed(MemorySegment acc, long accAt, MemorySegment g, long at, int numel) {
        int vectorised = SPECIES.loopBound(numel);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            load(acc, accAt, i).add(load(g, at, i)).intoMemorySegment(acc, accAt + 4L * i, ORDER);
        }
        return vectorised;
    }

    /// Two contributions, `g0` first, at the same byte offset of their segments.
    static void add(MemorySegment acc, long accAt, MemorySegment g0, MemorySegment g1, long at, int numel, boolean afresh) {
        int vectorised = afresh ? begin(acc, accAt, g0, g1, at, numel) : proceed(acc, accAt, g0, g1, at, numel);
        for (int i = vectorised; i < numel; i++) {
            float sum = afresh ? 0 : acc.get(F32, accAt + 4L * i);
            acc.set(F32, accAt + 4L * i, sum + g0.get(F32, at + 4L * i) + g1.get(F32, at + 4L * i));
        }
    }

    private static int begin(MemorySegment acc, long accAt, MemorySegment g0, MemorySegment g1, long at, int numel) {
        int vectorised = SPECIES.loopBound(numel);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            load(g0, at, i).add(0).add(load(g1, at, i)).intoMemorySegment(acc, accAt + 4L * i, ORDER);
        }
        return vectorised;
    }

    private static int proceed(MemorySegment acc, long accAt, MemorySegment g0, MemorySegment g1, long at, int numel) {
        int vectorised = SPECIES.loopBound(numel);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            load(acc, accAt, i).add(load(g0, at, i)).add(load(g1, at, i)).intoMemorySegment(acc, accAt + 4L * i, ORDER);
        }
        return vectorised;
    }

    private static FloatVector load(MemorySegment x, long at, int i) {
        return FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i, ORDER);
    }
}
