package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// A directory that has its name only once it is complete. Until then it is a hidden sibling, which goes when the export fails, or when
/// the process is asked to end; what a SIGKILL leaves is removed by the next export to the same place.
final class StagingDirectory implements AutoCloseable {
    private final Path target;
    private final Path path;
    private final Thread atExit = new Thread(this::delete, "remove-partial-export");
    private boolean committed;

    private StagingDirectory(Path target) {
        this.target = target;
        this.path = target.resolveSibling("." + target.getFileName() + ".partial");
    }

    /// @param target must not exist, or be an empty directory
    static StagingDirectory beside(Path target) throws IOException {
        if (target.getFileName() == null) { throw new CallerException("output_dir=%s; give a directory to be made".formatted(target)); }
        checkFree(target);
        var staging = new StagingDirectory(target);
        Files.createDirectories(target.getParent());
        staging.delete();
        Files.createDirectory(staging.path);
        Runtime.getRuntime().addShutdownHook(staging.atExit);
        return staging;
    }

    private static void checkFree(Path target) throws IOException {
        if (!Files.exists(target)) { return; }
        if (!Files.isDirectory(target)) { throw new CallerException("output_dir=%s is a file; give a new directory".formatted(target)); }
        try (Stream<Path> entries = Files.list(target)) {
            if (entries.findAny().isPresent()) {
                throw new CallerException("output_dir=%s is not empty; give a new directory".formatted(target));
            }
        }
    }

    Path path() {
        return path;
    }

    void write(String name, String text) {
        try (FileChannel channel = FileChannel.open(path.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) { channel.write(bytes); }
            channel.force(true);
        } catch (IOException e) {
            throw storage(name, e);
        }
    }

    void copy(Path from, String name) {
        try {
            Files.copy(from, path.resolve(name));
            try (FileChannel channel = FileChannel.open(path.resolve(name), StandardOpenOption.WRITE)) { channel.force(true); }
        } catch (IOException e) {
            throw storage(name, e);
        }
    }

    private WorldException storage(String name, IOException e) {
        return new WorldException("storage", "%s could not be written to output_dir=%s (%s); free space there or choose another directory"
                .formatted(name, target, StorageReason.of(e)), e);
    }

    /// The target appears, complete. An empty directory in its place is replaced.
    void commit() throws IOException {
        SafetensorsWriter.syncDirectory(path);
        Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
        committed = true;
        SafetensorsWriter.syncDirectory(target.getParent());
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            return;        // The process is ending; the hook itself removes what is there.
        }
        if (!committed) { delete(); }
    }

    private void delete() {
        if (!Files.exists(path)) { return; }
        try (Stream<Path> tree = Files.walk(path)) {
            List<Path> deepestFirst = tree.sorted(Comparator.reverseOrder()).toList();
            for (Path p : deepestFirst) { Files.deleteIfExists(p); }
        } catch (IOException e) {
            throw storage(path.getFileName().toString(), e);
        }
    }
}
