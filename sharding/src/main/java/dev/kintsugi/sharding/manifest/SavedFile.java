package dev.kintsugi.sharding.manifest;

import java.util.List;
import java.util.regex.Pattern;

/// A file of a checkpoint as the rank that wrote it voted for it.
///
/// @param path relative to the checkpoint directory, with `/`; never leads out of it
/// @param sha256 lower-case hex, of the file's [ChunkDigests], which lie beside it
public record SavedFile(String path, long bytes, String sha256) {
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    public SavedFile {
        if (!staysInside(path)) {
            throw new IllegalArgumentException("file path '%s' is not a plain relative path".formatted(path));
        }
        if (bytes < 0) { throw new IllegalArgumentException("file %s: bytes=%d; must be >= 0".formatted(path, bytes)); }
        if (!SHA256.matcher(sha256).matches()) {
            throw new IllegalArgumentException("file %s: sha256=%s; must be 64 lower-case hex digits".formatted(path, sha256));
        }
    }

    private static boolean staysInside(String path) {
        return !path.contains("\\") && !path.contains("\0")
                && List.of(path.split("/", -1)).stream()
                        .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
    }
}
