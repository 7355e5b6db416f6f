package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.lang.foreign.MemorySegment;

/// The first weights of a model, read by rows in any order, from any thread.
public interface WeightSource extends AutoCloseable {
    /// What [#readRaw] gives.
    ElementType type(ParameterSpec p);

    /// Writes rows `[firstRow, firstRow + rows)`, row-major, as elements of [#type], to `into` at `offsetBytes`.
    void readRaw(ParameterSpec p, long firstRow, long rows, MemorySegment into, long offsetBytes);

    /// The same on every rank that sees the same weights.
    String identity();

    @Override
    default void close() {}
}
