package dev.kintsugi.worker.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/// Writes samples to a file of another name, and gives it its name when all is on the disk. Words are cut to whole blocks ([#append]), or
/// come as samples of their own lengths ([#appendSample]).
final class TokenFileWriter implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;

    private final Path target;
    private final Path temporary;
    private final int blockLength;
    private final boolean ragged;
    private final boolean joined;
    private final FileChannel channel;
    private final MessageDigest digest;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final int[] block;
    private int blockWords;
    private long[] ends = new long[1024];
    private long samples;
    private long written;
    private long counted;
    private boolean readOnly;

    /// @param blockLength words of a block, or the most of a sample
    /// @param ragged whether samples have lengths of their own
    /// @param joined whether these may be of several examples
    TokenFileWriter(Path target, int blockLength, boolean ragged, boolean joined) throws IOException {
        this.target = target;
        this.temporary = target.resolveSibling(target.getFileName() + ".tmp-" + ProcessHandle.current().pid());
        this.blockLength = blockLength;
        this.ragged = ragged;
        this.joined = joined;
        this.block = new int[ragged ? 0 : blockLength];
        this.digest = TokenFile.startDigest(blockLength);
        this.channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        channel.position(TokenFile.HEAD_BYTES);
    }

    /// Words of blocks. What fills no block by the end is dropped.
    void append(int[] words) {
        for (int word : words) {
            block[blockWords++] = word;
            if (blockWords == blockLength) {
                write(block, blockLength);
                blockWords = 0;
            }
        }
    }

    /// The first `length` words as a sample.
    void appendSample(int[] words, int length) {
        if (length > blockLength) { throw new IllegalArgumentException("length=%d; at most %d".formatted(length, blockLength)); }
        write(words, length);
        if (samples > ends.length) { ends = Arrays.copyOf(ends, Math.multiplyExact(2, ends.length)); }
        ends[Math.toIntExact(samples - 1)] = written;
    }

    private void write(int[] words, int length) {
        for (int i = 0; i < length; i++) {
            room(Integer.BYTES).putInt(words[i]);
            boolean counts = TokenWord.counts(words[i]);
            readOnly |= !counts;
            if (counts && i > 0 && !TokenWord.isFirst(words[i])) { counted++; }
        }
        written += length;
        samples++;
    }

    private ByteBuffer room(int bytes) {
        if (buffer.remaining() < bytes) { flush(); }
        return buffer;
    }

    /// Words so far, those of the block that is not full yet too.
    long words() {
        return written + blockWords;
    }

    long samples() {
        return samples;
    }

    /// Words so far that the loss counts.
    long counted() {
        return counted;
    }

    private void flush() {
        buffer.flip();
        digest.update(buffer.duplicate());
        try {
            while (buffer.hasRemaining()) { channel.write(buffer); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        buffer.clear();
    }

    /// Drops the block that is not full, writes the head and gives the file its name.
    void commit() throws IOException {
        for (int i = 0; ragged && i < samples; i++) { room(Long.BYTES).putLong(ends[i]); }
        flush();
        String sha256 = HexFormat.of().formatHex(digest.digest());
        channel.write(new TokenFile(blockLength, readOnly, ragged, joined, samples, written, sha256).head(), 0);
        channel.force(true);
        channel.close();
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    }

    /// Removes the file unless it was committed.
    @Override
    public void close() throws IOException {
        channel.close();
        Files.deleteIfExists(temporary);
    }
}
