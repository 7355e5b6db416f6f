package dev.kintsugi.worker.data;

import java.lang.foreign.MemorySegment;

/// The samples of a dataset, random access, in the files' order: each a run of [TokenWord]s.
public interface TokenBlocks extends AutoCloseable {
    long size();

    /// The most words that a sample has: those of all of them, where samples are blocks.
    int blockLength();

    /// Whether samples may be of several examples, none of which sees another.
    default boolean isJoined() {
        return false;
    }

    /// Words of sample `index`.
    int length(long index);

    /// Tokens of sample `index` that the loss counts.
    long counted(long index);

    /// Copies sample `index`'s words, as I32, to `into` at `offsetBytes`.
    void read(long index, MemorySegment into, long offsetBytes);

    /// Hex SHA-256 of the samples and the greatest length: two datasets with equal digests give the same training run.
    String digest();

    @Override
    void close();
}
