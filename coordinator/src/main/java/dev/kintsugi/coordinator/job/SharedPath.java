package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// Files that a spec names. They must be absolute: the coordinator and the ranks have other working directories than the submitter.
final class SharedPath {
    private static final long TEXT_BYTES_MAX = 16 << 20;

    private SharedPath() {}

    static Path absolute(String flag, String value) {
        Path path = parse(flag, value);
        require(path.isAbsolute(), "%s=%s is relative, and ranks run elsewhere; pass the absolute path", flag, value);
        return path.normalize();
    }

    /// A place on any kind of storage.
    static StoragePath storage(String flag, String value) {
        if (!value.contains("://")) { return StoragePath.of(absolute(flag, value)); }
        try {
            return StoragePath.of(value);
        } catch (IllegalArgumentException e) {
            throw new InvalidJobException("%s: %s".formatted(flag, e.getMessage()));
        }
    }

    static Path directory(String flag, String value) {
        Path path = absolute(flag, value);
        require(Files.exists(path), "%s=%s does not exist; name a directory on storage that every host shares", flag, value);
        require(Files.isDirectory(path), "%s=%s is not a directory", flag, value);
        return path;
    }

    /// `value` itself if it is a file, or the file `name` in the directory `value`.
    static Path fileOrIn(String flag, String value, String name) {
        Path path = absolute(flag, value);
        require(Files.exists(path), "%s=%s does not exist; name a file, or a directory that holds %s", flag, value, name);
        Path file = Files.isDirectory(path) ? path.resolve(name) : path;
        require(Files.isRegularFile(file), "%s=%s holds no %s; name a directory that does", flag, value, name);
        require(Files.isReadable(file), "%s=%s: %s is not readable; check its permissions", flag, value, file);
        return file;
    }

    static String readText(String flag, Path file) {
        try {
            require(Files.size(file) <= TEXT_BYTES_MAX, "%s: %s has %d bytes, which is no JSON of this kind; name another file", flag,
                    file, Files.size(file));
            return Files.readString(file);
        } catch (CharacterCodingException e) {
            throw new InvalidJobException("%s: %s is not UTF-8 text; name another file".formatted(flag, file));
        } catch (IOException e) {
            throw new InvalidJobException("%s: %s cannot be read (%s); check it".formatted(flag, file, e.getMessage()));
        }
    }

    static Path parse(String flag, String value) {
        try {
            return Path.of(value);
        } catch (InvalidPathException e) {
            throw new InvalidJobException("%s=%s is not a path (%s)".formatted(flag, value, e.getReason()));
        }
    }
}
