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
import java.util.HexFormat;

/// Writes ids to a file of another name, whole blocks only, and gives it its name when all is on the disk.
final class TokenFileWriter implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;

    private final Path target;
    private final Path temporary;
    private final int blockLength;
    private final FileChannel channel;
    private final MessageDigest digest;
    private final ByteBuffer block;
    private final ByteBuffer buffer;
    private long blocks;
    private long tokens;

    TokenFileWriter(Path target, int blockLength) throws IOException {
        this.target = target;
        this.temporary = target.resolveSibling(target.getFileName() + ".tmp-" + ProcessHandle.current().pid());
        this.blockLength = blockLength;
        this.digest = TokenFile.startDigest(blockLength);
        this.block = ByteBuffer.allocate(blockLength * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        this.buffer = ByteBuffer.allocate(Math.max(BUFFER_BYTES, block.capacity()));
        this.channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        channel.position(TokenFile.HEAD_BYTES);
    }

    void append(int[] ids) {
        for (int id : ids) {
            block.putInt(id);
            if (!block.hasRemaining()) { endBlock(); }
        }
        tokens += ids.length;
    }

    /// Ids appended so far, those of the block that is not full yet too.
    long tokens() {
        return tokens;
    }

    long blocks() {
        return blocks;
    }

    private void endBlock() {
        block.flip();
        digest.update(block.array(), 0, block.limit());
        if (buffer.remaining() < block.limit()) { flush(); }
        buffer.put(block);
        block.clear();
        blocks++;
    }

    private void flush() {
        buffer.flip();
        try {
            while (buffer.hasRemaining()) { channel.write(buffer); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        buffer.clear();
    }

    /// Drops the block that is not full, writes the head and gives the file its name.
    void commit() throws IOException {
        flush();
        ByteBuffer head = new TokenFile(blockLength, blocks, HexFormat.of().formatHex(digest.digest())).head();
        channel.write(head, 0);
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
