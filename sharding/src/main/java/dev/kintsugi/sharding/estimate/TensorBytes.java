package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;

/// Bytes of tensors in the step arena, which rounds each up to 64.
///
/// @param dtype of values
record TensorBytes(DType dtype) {
    private static final long ALIGNMENT = 64;

    long value(long numel) {
        return roundUp(numel * dtype.bytes());
    }

    /// Of statistics and scratch, f32; ids and labels are as wide.
    static long statistic(long numel) {
        return roundUp(numel * DType.F32.bytes());
    }

    static long roundUp(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }
}
