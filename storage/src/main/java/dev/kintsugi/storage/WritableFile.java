package dev.kintsugi.storage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// A file being written, front to back, by one thread at a time. Nobody sees it before [#commit()].
public interface WritableFile extends AutoCloseable {
    /// Appends what remains in `bytes`; the buffer is the caller's again when this returns.
    void write(ByteBuffer bytes) throws IOException;

    /// Makes the file durable and visible, whole, in place of one that had its name. Nothing can be written after it.
    void commit() throws IOException;

    /// Without a commit, leaves nothing behind.
    @Override
    void close() throws IOException;
}
