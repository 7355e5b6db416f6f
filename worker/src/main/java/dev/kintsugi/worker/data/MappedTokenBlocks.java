package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;

/// An index file in memory, as far as the operating system likes to hold it.
final class MappedTokenBlocks implements TokenBlocks {
    private static final int CHUNK_BYTES = 1 << 24;
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path file;
    private final Arena jobArena = Arena.ofShared(); // read by the compute thread, closed by whoever ends the job
    private final MemorySegment data;
    private final TokenFile head;

    MappedTokenBlocks(Path file) {
        this.file = file;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            this.data = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), jobArena);
            this.head = TokenFile.parse(file, data);
        } catch (IOException e) {
            jobArena.close();
            throw new WorldException("storage", "token index %s: cannot be read: %s".formatted(file, e.getMessage()), e);
        } catch (RuntimeException e) {
            jobArena.close();
            throw e;
        }
    }

    @Override
    public long size() {
        return head.samples();
    }

    @Override
    public int blockLength() {
        return head.blockLength();
    }

    @Override
    public boolean isJoined() {
        return head.joined();
    }

    @Override
    public int length(long index) {
        if (index < 0 || index >= size()) {
            throw new IllegalArgumentException("sample index=%d of %d".formatted(index, size()));
        }
        return head.ragged() ? Math.toIntExact(head.start(data, index + 1) - head.start(data, index)) : head.blockLength();
    }

    @Override
    public long counted(long index) {
        int length = length(index);
        if (!head.readOnly() && !head.joined()) { return length - 1L; }
        long counted = 0;
        long at = at(index);
        for (int t = 1; t < length; t++) {
            int word = data.get(I32, at + 4L * t);
            if (TokenWord.counts(word) && !TokenWord.isFirst(word)) { counted++; }
        }
        return counted;
    }

    @Override
    public void read(long index, MemorySegment into, long offsetBytes) {
        long bytes = (long) length(index) * Integer.BYTES;
        MemorySegment.copy(data, at(index), into, offsetBytes, bytes);
    }

    private long at(long index) {
        return TokenFile.HEAD_BYTES + head.start(data, index) * Integer.BYTES;
    }

    @Override
    public String digest() {
        return head.sha256();
    }

    /// Reads everything once.
    ///
    /// @throws WorldException (`corrupt_dataset`) if the samples are not those that were written
    void verify() {
        MessageDigest digest = TokenFile.startDigest(blockLength());
        for (long at = TokenFile.HEAD_BYTES; at < data.byteSize(); at += CHUNK_BYTES) {
            digest.update(data.asSlice(at, Math.min(CHUNK_BYTES, data.byteSize() - at)).asByteBuffer());
        }
        if (!HexFormat.of().formatHex(digest.digest()).equals(digest())) { throw TokenFile.corrupt(file, "its samples have changed"); }
    }

    @Override
    public void close() {
        jobArena.close();
    }
}
