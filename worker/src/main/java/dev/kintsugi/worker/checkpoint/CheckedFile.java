package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.storage.ReadableFile;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;

/// A file read in the chunks that its digests are of: no byte is handed out before the chunk it lies in was found to be what was written.
///
/// Whole chunks go straight to where they belong, and are checked there; of the others the wanted part is copied from a buffer, which keeps the
/// last ones read, so that ranges asked for in file order cost each chunk once. Nothing is mapped. One thread.
final class CheckedFile implements AutoCloseable {
    private final ReadableFile file;
    private final ChunkDigests digests;
    private final ChunkBuffer buffer;
    private final CRC32C crc = new CRC32C();

    private CheckedFile(ReadableFile file, ChunkDigests digests, ChunkBuffer buffer) {
        this.file = file;
        this.digests = digests;
        this.buffer = buffer;
    }

    /// A file that is as long as its digests say.
    ///
    /// @param buffer borrowed until [#close]
    static CheckedFile open(Storage storage, StoragePath path, ChunkDigests digests, ChunkBuffer buffer) throws IOException {
        return new CheckedFile(storage.open(path), digests, buffer);
    }

    /// So that what follows is read from the medium.
    void forgetCached() {
        file.forget();
    }

    /// Bytes of the file, by its digests.
    long bytes() {
        return digests.bytes();
    }

    /// Fills `into`, off-heap, from byte `offset` on. After an exception its content is undefined.
    ///
    /// @throws BadChunkException if a chunk is not what was written
    void read(long offset, MemorySegment into) throws IOException {
        long end = offset + into.byteSize();
        for (long at = offset; at < end;) {
            int chunk = digests.chunkOf(at);
            int wholeEnd = at == digests.begin(chunk) ? wholeChunksEnd(chunk, end) : chunk;
            if (wholeEnd > chunk) {
                long bytes = digests.end(wholeEnd - 1) - at;
                readChunks(chunk, wholeEnd, into.asSlice(at - offset, bytes));
                at += bytes;
            } else {
                long bytes = Math.min(end, digests.end(chunk)) - at;
                if (!buffer.holds(this, chunk)) { fillBuffer(chunk); }
                MemorySegment.copy(buffer.memory(), at - digests.begin(buffer.first()), into, at - offset, bytes);
                at += bytes;
            }
        }
    }

    /// The chunk after the last of those that end by `end` and are read at once with `first`.
    private int wholeChunksEnd(int first, long end) {
        int chunk = first;
        while (chunk < digests.chunks() && digests.end(chunk) <= end && digests.end(chunk) - digests.begin(first) <= buffer.memory().byteSize()) { chunk++; }
        return chunk;
    }

    /// Returns the chunk after the last one that is in the buffer then.
    private int fillBuffer(int first) throws IOException {
        buffer.holdsNothing();                  // should reading fail
        int end = wholeChunksEnd(first, digests.bytes());
        readChunks(first, end, buffer.memory().asSlice(0, digests.end(end - 1) - digests.begin(first)));
        buffer.holdsNow(this, first, end);
        return end;
    }

    private void readChunks(int first, int end, MemorySegment into) throws IOException {
        file.read(digests.begin(first), into.asByteBuffer());
        for (int chunk = first; chunk < end; chunk++) {
            ByteBuffer bytes = into.asSlice(digests.begin(chunk) - digests.begin(first), digests.end(chunk) - digests.begin(chunk)).asByteBuffer();
            crc.reset();
            crc.update(bytes);
            if ((int) crc.getValue() != digests.crc(chunk)) { throw new BadChunkException(digests, chunk, (int) crc.getValue()); }
        }
    }

    /// Reads everything once.
    ///
    /// @param onBytes bytes checked since the last call
    void checkAll(LongConsumer onBytes) throws IOException {
        for (int chunk = 0; chunk < digests.chunks();) {
            int end = fillBuffer(chunk);
            onBytes.accept(digests.end(end - 1) - digests.begin(chunk));
            chunk = end;
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
