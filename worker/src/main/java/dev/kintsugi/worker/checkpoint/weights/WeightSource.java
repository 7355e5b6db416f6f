package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import java.lang.foreign.MemorySegment;

/// The first weights of a model, read parameter by parameter in any order.
public interface WeightSource extends AutoCloseable {
    /// Writes all `p.numel()` elements, row-major, to `f32` at `offsetBytes`.
    void read(ParameterSpec p, MemorySegment f32, long offsetBytes);

    @Override
    default void close() {}
}
