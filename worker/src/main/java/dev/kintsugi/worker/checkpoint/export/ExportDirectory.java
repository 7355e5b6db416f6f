package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.storage.WritableFile;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// A directory that is there only once it is complete, or goes again. On a file system it is a hidden sibling until [#commit] gives it its name; an
/// object store has no renames, so there a file [#MARKER] says that it is not complete. What a killed export has left, the next one to the same
/// place removes.
final class ExportDirectory implements AutoCloseable {
    static final String MARKER = "EXPORT_INCOMPLETE";

    private final StoragePath target;
    private final StoragePath path;
    private final Storage storage;
    private boolean committed;

    private ExportDirectory(StoragePath target) {
        this.target = target;
        this.path = target.isLocal() ? target.parent().resolve("." + target.fileName() + ".partial") : target;
        this.storage = Storages.of(target);
    }

    /// @param target must not exist, or be an empty directory
    static ExportDirectory at(StoragePath target) throws IOException {
        if (target.fileName().isEmpty()) { throw new CallerException("output_dir=%s; give a directory to be made".formatted(target)); }
        var directory = new ExportDirectory(target);
        directory.checkFree();
        directory.storage.deleteTree(directory.path);
        if (!target.isLocal()) { directory.storage.replace(target.resolve(MARKER), new byte[0]); }
        return directory;
    }

    private void checkFree() throws IOException {
        if (storage.size(target).isPresent()) { throw new CallerException("output_dir=%s is a file; give a new directory".formatted(target)); }
        var names = storage.children(target);
        if (!names.isEmpty() && !names.contains(MARKER)) { throw new CallerException("output_dir=%s is not empty; give a new directory".formatted(target)); }
    }

    Storage storage() {
        return storage;
    }

    /// Where a file of this name is now.
    StoragePath resolve(String name) {
        return path.resolve(name);
    }

    WritableFile create(String name) throws IOException {
        return storage.create(path.resolve(name));
    }

    void write(String name, String text) {
        write(name, text.getBytes(StandardCharsets.UTF_8));
    }

    void copy(Path from, String name) {
        try {
            write(name, Files.readAllBytes(from));
        } catch (IOException e) {
            throw new CallerException("%s cannot be read (%s); check its permissions".formatted(from, StorageReason.of(e)), e);
        }
    }

    private void write(String name, byte[] content) {
        try {
            storage.replace(path.resolve(name), content);
        } catch (IOException e) {
            throw new WorldException("storage", "%s could not be written to output_dir=%s (%s); free space there or choose another directory"
                    .formatted(name, target, StorageReason.of(e)), e);
        }
    }

    /// The target appears, complete. An empty directory in its place is replaced.
    void commit() throws IOException {
        if (target.isLocal()) {
            Files.move(path.toPath(), target.toPath(), StandardCopyOption.ATOMIC_MOVE);
            try (FileChannel parent = FileChannel.open(target.parent().toPath(), StandardOpenOption.READ)) { parent.force(true); }
        } else {
            storage.delete(target.resolve(MARKER));
        }
        committed = true;
    }

    /// Without a commit, removes what is there.
    @Override
    public void close() {
        if (committed) { return; }
        boolean interrupted = Thread.interrupted();         // an interrupted thread cannot remove what it was interrupted at
        try {
            storage.deleteTree(path);
        } catch (IOException e) {
            throw new WorldException("storage", "%s could not be removed (%s); delete it".formatted(path, StorageReason.of(e)), e);
        } finally {
            if (interrupted) { Thread.currentThread().interrupt(); }
        }
    }
}
