package dev.kintsugi.storage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// A file being read. Any number of threads may read at once.
public interface ReadableFile extends AutoCloseable {
    /// In bytes, when it was opened.
    long size();

    /// Fills `into`, from its position to its limit, with what lies at `offset` in the file.
    ///
    /// @throws java.io.EOFException if the file ends before
    void read(long offset, ByteBuffer into) throws IOException;

    /// Drops what this host keeps of the file in memory, so that the next read is the medium's. A hint: where it cannot be done nothing happens.
    void forget();

    @Override
    void close();
}
