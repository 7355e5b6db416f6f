package dev.kintsugi.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;

/// Directories of a file system that every host mounts.
final class PosixStorage implements Storage {
    @Override
    public List<String> children(StoragePath directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory.toPath())) {
            return entries.map(p -> p.getFileName().toString()).filter(name -> !PosixWritableFile.isPartial(name)).sorted().toList();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        } catch (IOException e) {
            throw StorageReason.explained(directory, e);
        } catch (UncheckedIOException e) {
            throw StorageReason.explained(directory, e.getCause());
        }
    }

    @Override
    public OptionalLong size(StoragePath file) throws IOException {
        try {
            var attributes = Files.readAttributes(file.toPath(), BasicFileAttributes.class);
            return attributes.isRegularFile() ? OptionalLong.of(attributes.size()) : OptionalLong.empty();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return OptionalLong.empty();
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public ReadableFile open(StoragePath file) throws IOException {
        try {
            return new PosixReadableFile(file);
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public WritableFile create(StoragePath file) throws IOException {
        try {
            return new PosixWritableFile(file);
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public void delete(StoragePath file) throws IOException {
        try {
            Files.deleteIfExists(file.toPath());
        } catch (IOException e) {
            throw StorageReason.explained(file, e);
        }
    }

    @Override
    public void deleteTree(StoragePath directory) throws IOException {
        try {
            for (Path p : bottomUp(directory.toPath())) { Files.deleteIfExists(p); }
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            throw StorageReason.explained(directory, e);
        }
    }

    // Symbolic links are not followed: what they lead to is not ours.
    private static List<Path> bottomUp(Path directory) throws IOException {
        try (Stream<Path> walk = Files.walk(directory)) {
            return walk.sorted(Comparator.reverseOrder()).toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    @Override
    public OptionalLong freeBytes(StoragePath directory) throws IOException {
        Path existing = directory.toPath();
        while (!Files.exists(existing) && existing.getParent() != null) { existing = existing.getParent(); }
        try {
            return OptionalLong.of(Files.getFileStore(existing).getUsableSpace());
        } catch (IOException e) {
            throw StorageReason.explained(directory, e);
        }
    }

    @Override
    public void close() {
        // Nothing is held between calls.
    }
}
