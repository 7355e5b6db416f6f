package dev.kintsugi.worker.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// The one addition that reductions are made of: `accumulator += gradient`, f32, each addition rounded once. Vectors add
/// element by element, so the bits are those of a plain loop.
final class ChainSum {
    /// Elements that are added from all ranks before moving on: 16 KiB of accumulator stay in the first-level cache.
    static final int CHUNK_NUMEL = 4096;

    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private ChainSum() {}

    /// @param accumulatorAt byte offset
    /// @param gradientAt byte offset
    static void add(MemorySegment accumulator, long accumulatorAt, MemorySegment gradient, long gradientAt, int numel) {
        int vectorised = SPECIES.loopBound(numel);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            var sum = FloatVector.fromMemorySegment(SPECIES, accumulator, accumulatorAt + 4L * i, ByteOrder.LITTLE_ENDIAN)
                    .add(FloatVector.fromMemorySegment(SPECIES, gradient, gradientAt + 4L * i, ByteOrder.LITTLE_ENDIAN));
            sum.intoMemorySegment(accumulator, accumulatorAt + 4L * i, ByteOrder.LITTLE_ENDIAN);
        }
        for (int i = vectorised; i < numel; i++) {
            accumulator.set(F32, accumulatorAt + 4L * i,
                    accumulator.get(F32, accumulatorAt + 4L * i) + gradient.get(F32, gradientAt + 4L * i));
        }
    }
}
