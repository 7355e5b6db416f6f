package dev.kintsugi.worker.data;

import java.lang.foreign.MemorySegment;

/// A packed dataset: `size()` blocks of `blockLength()` token ids, random access, in the files' order.
public interface TokenBlocks extends AutoCloseable {
    long size();

    int blockLength();

    /// Copies block `index`'s ids, as I32, to `into` at `offsetBytes`.
    void read(long index, MemorySegment into, long offsetBytes);

    /// Hex SHA-256 of the ids and the block length: two datasets with equal digests give the same training run.
    String digest();

    @Override
    void close();
}
