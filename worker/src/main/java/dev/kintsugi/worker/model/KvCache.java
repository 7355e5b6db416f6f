package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/// Keys and values of the positions of one sequence seen so far, block by block, in memory set aside up front.
public final class KvCache {
    private static final long ALIGNMENT = 64;

    private final List<Tensor> keys = new ArrayList<>();         // a block each: (capacity, G * D), already rotated
    private final List<Tensor> values = new ArrayList<>();       // a block each: (capacity, G * D)
    private final long capacity;
    private long length;

    /// @param arena owns the memory: `2 * blocks * capacity * G * D` elements
    /// @param capacity positions
    public KvCache(ModelConfig config, long capacity, DType dtype, Arena arena) {
        this.capacity = capacity;
        long width = (long) config.numKeyValueHeads() * config.headDim();
        for (int block = 0; block < config.numHiddenLayers(); block++) {
            keys.add(new Tensor(arena.allocate(capacity * width * dtype.bytes(), ALIGNMENT), dtype, capacity, width));
            values.add(new Tensor(arena.allocate(capacity * width * dtype.bytes(), ALIGNMENT), dtype, capacity, width));
        }
    }

    /// Positions it holds.
    public long length() {
        return length;
    }

    public long capacity() {
        return capacity;
    }

    /// Forgets everything from position `newLength` on.
    public void truncate(long newLength) {
        if (newLength < 0 || newLength > length) {
            throw new IllegalArgumentException("truncate(%d): the cache holds %d positions".formatted(newLength, length));
        }
        length = newLength;
    }

    /// Counts in the positions that every block has written.
    void append(long positions) {
        length += positions;
    }

    Tensor keys(int block, long from, long positions) {
        return keys.get(block).rows(from, positions);
    }

    Tensor values(int block, long from, long positions) {
        return values.get(block).rows(from, positions);
    }
}
