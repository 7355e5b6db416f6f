package dev.kintsugi.worker.checkpoint.diff;

import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.WholeTensors.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/// Counts the f32 elements of one tensor whose bits differ, range after range.
final class DifferingElements {
    private static final ValueLayout.OfInt BITS = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private long count;
    private long first = -1;
    private double maxAbs;

    /// @param firstElement index of the ranges' first element in the tensor
    void add(MemorySegment a, MemorySegment b, long firstElement) {
        long mismatch = a.mismatch(b);
        if (mismatch < 0) { return; }
        long elements = a.byteSize() / Float.BYTES;
        for (long i = mismatch / Float.BYTES; i < elements; i++) {
            int bitsA = a.getAtIndex(BITS, i);
            int bitsB = b.getAtIndex(BITS, i);
            if (bitsA == bitsB) { continue; }
            if (first < 0) { first = firstElement + i; }
            count++;
            maxAbs = Math.max(maxAbs, Math.abs((double) Float.intBitsToFloat(bitsA) - Float.intBitsToFloat(bitsB)));   // NaN wins
        }
    }

    Optional<TensorDifference> in(SavedParameter p, Kind kind) {
        return count == 0 ? Optional.empty() : Optional.of(new TensorDifference(p.name(), kind, p.shape(), count, first, maxAbs));
    }
}
