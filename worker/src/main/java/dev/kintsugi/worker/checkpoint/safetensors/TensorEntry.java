package dev.kintsugi.worker.checkpoint.safetensors;

import java.util.List;

/// A tensor as a header declares it, already checked against the file.
///
/// @param shape elements; empty for a scalar
/// @param begin bytes from the start of the body
/// @param bytes `numel * type.bytes()`
public record TensorEntry(String name, ElementType type, List<Long> shape, long begin, long bytes) {
    public TensorEntry {
        shape = List.copyOf(shape);
    }

    long end() {
        return begin + bytes;
    }

    public long rows() {
        return shape.isEmpty() ? 1 : shape.getFirst();
    }

    /// Bytes of one row; 0 for a tensor without elements.
    public long rowBytes() {
        return rows() == 0 ? 0 : bytes / rows();
    }
}
