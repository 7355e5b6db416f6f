package dev.kintsugi.worker.memory;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.architecture.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// A dense, row-major view of borrowed memory. Cheap to make; owns nothing.
///
/// On the meta device the segment has the right size but no memory behind it, and must not be read or written.
public final class Tensor {
    private final MemorySegment data;
    private final DType dtype;
    private final long[] shape;
    private final long numel;

    /// @throws IllegalArgumentException if `data` is smaller than shape and dtype need
    public Tensor(MemorySegment data, DType dtype, long... shape) {
        this.dtype = requireNonNull(dtype, "dtype is null");
        this.shape = shape.clone();
        this.numel = numel(shape);
        if (data.byteSize() < bytes()) {
            throw new IllegalArgumentException("tensor %s%s needs %d bytes; the segment has %d"
                    .formatted(dtype, Arrays.toString(shape), bytes(), data.byteSize()));
        }
        this.data = data.byteSize() == bytes() ? data : data.asSlice(0, bytes());
    }

    public static long numel(long... shape) {
        long n = 1;
        for (long d : shape) {
            n = Math.multiplyExact(n, d);
        }
        return n;
    }

    public MemorySegment data() {
        return data;
    }

    public DType dtype() {
        return dtype;
    }

    public long[] shape() {
        return shape.clone();
    }

    public int rank() {
        return shape.length;
    }

    /// Size of dimension `i`; negative counts from the end.
    public long dim(int i) {
        return shape[i < 0 ? shape.length + i : i];
    }

    public long numel() {
        return numel;
    }

    public long bytes() {
        return numel * dtype.bytes();
    }

    /// The same memory under another shape of equal numel.
    public Tensor reshape(long... newShape) {
        if (numel(newShape) != numel) {
            throw new IllegalArgumentException("reshape %s to %s: numel differs".formatted(this, Arrays.toString(newShape)));
        }
        return new Tensor(data, dtype, newShape);
    }

    /// Rows `[from, from + rows)` of dimension 0.
    public Tensor rows(long from, long rows) {
        long[] s = shape.clone();
        s[0] = rows;
        long rowBytes = bytes() / shape[0];
        return new Tensor(data.asSlice(from * rowBytes, rows * rowBytes), dtype, s);
    }

    @Override
    public String toString() {
        return dtype + Arrays.toString(shape);
    }
}
