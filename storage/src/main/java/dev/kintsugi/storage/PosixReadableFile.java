package dev.kintsugi.storage;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;

/// Positional reads of one file channel. Interrupting a thread that reads closes the file for all of them, as channels do.
final class PosixReadableFile implements ReadableFile {
    private final StoragePath file;
    private final FileChannel channel;
    private final long size;

    PosixReadableFile(StoragePath file) throws IOException {
        this.file = file;
        if (Files.isDirectory(file.toPath())) { throw new IOException("it is a directory"); }
        channel = FileChannel.open(file.toPath(), StandardOpenOption.READ);
        size = channel.size();
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public void read(long offset, ByteBuffer into) throws IOException {
        long position = offset;
        try {
            while (into.hasRemaining()) {
                int n = channel.read(into, position);
                if (n < 0) {
                    throw new EOFException("%s ends at byte %d, before byte %d".formatted(file, channel.size(), position + into.remaining()));
                }
                position += n;
            }
        } catch (EOFException e) {
            throw e;
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public void forget() {
        PageCache.drop(file.toPath());
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new IllegalStateException("%s could not be closed".formatted(file), e);
        }
    }
}
