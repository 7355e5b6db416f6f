package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// Shared-memory segments: files in a directory of a memory file system, mapped by every rank of a host, and unlinked as soon as
/// all have mapped them, so that no way of dying leaves one behind.
final class ShmFiles {
    private static final int WRITE_BYTES = 1 << 20;

    private final Path directory;

    ShmFiles(Path directory) {
        this.directory = directory;
    }

    Path path(String name) {
        return directory.resolve(name);
    }

    /// Makes a zeroed file; it appears under its name only when it is complete. Every page is written, not just reserved: a
    /// page that is missing when it is first touched through a mapping is a SIGBUS, which kills the process without a word.
    ///
    /// @throws CallerException if the directory has not enough room
    void create(String name, long bytes) {
        Path unfinished = path(name + ".unfinished");
        try {
            Files.createDirectories(directory);
            checkRoom(name, bytes);
            writeZeros(unfinished, bytes);
            Files.move(unfinished, path(name), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            deleteQuietly(unfinished);
            checkRoom(name, bytes);
            throw failure("create", name, e);
        }
    }

    private void checkRoom(String name, long bytes) {
        long free;
        try {
            free = Files.getFileStore(directory).getUsableSpace();
        } catch (IOException e) {
            throw failure("look at", name, e);
        }
        if (free < bytes) {
            throw new CallerException(
                    ("shared memory: %s needs %,d bytes and %s has %,d free; enlarge it (docker run --shm-size=..., "
                            + "Kubernetes: an emptyDir with medium Memory at /dev/shm, mount -o remount,size=... /dev/shm) or train with "
                            + "--transport aeron").formatted(name, bytes, directory, free));
        }
    }

    private static void writeZeros(Path file, long bytes) throws IOException {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(bytes, WRITE_BYTES));
            for (long written = 0; written < bytes;) {
                zeros.clear().limit((int) Math.min(zeros.capacity(), bytes - written));
                written += channel.write(zeros);
            }
        }
    }

    MemorySegment map(String name, long bytes, Arena groupArena) {
        try (var channel = FileChannel.open(path(name), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            if (channel.size() < bytes) { throw new IOException("file has %d bytes, not %d".formatted(channel.size(), bytes)); }
            return channel.map(MapMode.READ_WRITE, 0, bytes, groupArena);
        } catch (IOException e) {
            throw failure("map", name, e);
        }
    }

    boolean exists(String name) {
        return Files.exists(path(name));
    }

    void unlink(String name) {
        deleteQuietly(path(name));
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException _) {
            // The node agent removes the whole directory when the attempt ends.
        }
    }

    private WorldException failure(String verb, String name, IOException e) {
        return new WorldException("shared_memory", "shared memory: cannot %s %s: %s".formatted(verb, path(name), e), e);
    }
}
