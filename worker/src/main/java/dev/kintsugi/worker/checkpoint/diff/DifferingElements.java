package dev.kintsugi.worker.checkpoint.diff;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.worker.checkpoint.TensorKind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/// Counts the elements of one tensor, f32 or u8, whose bits differ, range after range.
final class DifferingElements {
    private static final ValueLayout.OfInt BITS = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DType dtype;
    private long count;
    private long first = -1;
    private double maxAbs;

    DifferingElements(DType dtype) {
        if (dtype != DType.F32 && dtype != DType.U8) { throw new IllegalArgumentException("differences of %s are not counted".formatted(dtype)); }
        this.dtype = dtype;
    }

    /// @param firstElement index of the ranges' first element in the tensor
    void add(MemorySegment a, MemorySegment b, long firstElement) {
        long mismatch = a.mismatch(b);
        if (mismatch < 0) { return; }
        long elements = a.byteSize() / dtype.bytes();
        for (long i = mismatch / dtype.bytes(); i < elements; i++) {
            int bitsA = bits(a, i);
            int bitsB = bits(b, i);
            if (bitsA == bitsB) { continue; }
            if (first < 0) { first = firstElement + i; }
            count++;
            maxAbs = Math.max(maxAbs, Math.abs(value(bitsA) - value(bitsB)));   // NaN wins
        }
    }

    private int bits(MemorySegment x, long i) {
        return dtype == DType.F32 ? x.getAtIndex(BITS, i) : Byte.toUnsignedInt(x.get(ValueLayout.JAVA_BYTE, i));
    }

    private double value(int bits) {
        return dtype == DType.F32 ? Float.intBitsToFloat(bits) : bits;
    }

    Optional<TensorDifference> in(SavedParameter p, TensorKind kind, List<Long> shape) {
        return count == 0 ? Optional.empty() : Optional.of(new TensorDifference(p.name(), kind, shape, count, first, maxAbs));
    }
}
