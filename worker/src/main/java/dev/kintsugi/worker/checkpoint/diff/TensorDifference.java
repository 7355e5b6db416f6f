package dev.kintsugi.worker.checkpoint.diff;

import dev.kintsugi.worker.checkpoint.TensorKind;
import java.util.List;

/// Elements of one tensor whose bits are not equal.
///
/// @param shape of the whole tensor
/// @param count of them, at least 1
/// @param first index of the first one, in row order
/// @param maxAbs largest |A - B|; NaN if one of them has a NaN where the other has not the same bits
public record TensorDifference(String parameter, TensorKind kind, List<Long> shape, long count, long first, double maxAbs) {
    public long numel() {
        return shape.stream().reduce(1L, (a, b) -> a * b);
    }
}
