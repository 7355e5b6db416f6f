package dev.kintsugi.storage;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// A file or directory on storage: `/absolute/path` or `s3://bucket/key`. Without a slash at its end.
public record StoragePath(String text) {
    public static final String S3 = "s3://";

    /// @throws IllegalArgumentException one sentence, if it is neither an absolute path nor an S3 address with a bucket
    public StoragePath {
        text = withoutSlashesAtEnd(text);
        if (text.startsWith(S3)) {
            if (text.length() == S3.length() || text.charAt(S3.length()) == '/') {
                throw new IllegalArgumentException("%s names no bucket; write s3://bucket/prefix".formatted(text));
            }
        } else if (text.contains("://")) {
            throw new IllegalArgumentException("%s is on storage of an unknown kind; write /absolute/path or s3://bucket/prefix".formatted(text));
        } else {
            checkLocal(text);
        }
    }

    public static StoragePath of(String text) {
        return new StoragePath(text);
    }

    /// A relative path starts in this process's working directory.
    public static StoragePath of(Path path) {
        return new StoragePath(path.toAbsolutePath().normalize().toString());
    }

    private static void checkLocal(String text) {
        try {
            if (!text.startsWith("/") || !Path.of(text).isAbsolute()) {
                throw new IllegalArgumentException("'%s' is not absolute; write /absolute/path or s3://bucket/prefix".formatted(text));
            }
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("'%s' is not a path (%s)".formatted(text, e.getReason()), e);
        }
    }

    private static String withoutSlashesAtEnd(String text) {
        int end = text.length();
        int least = text.startsWith(S3) ? S3.length() : 1;
        while (end > least && text.charAt(end - 1) == '/') { end--; }
        return text.substring(0, end);
    }

    /// @param child a name, or several with `/` between them
    public StoragePath resolve(String child) {
        if (child.isEmpty() || child.startsWith("/")) { throw new IllegalArgumentException("'%s' is not a relative path".formatted(child)); }
        return new StoragePath(text.endsWith("/") ? text + child : text + "/" + child);
    }

    /// What it lies in; the root or a bucket lies in itself.
    public StoragePath parent() {
        int slash = text.lastIndexOf('/');
        if (isLocal()) { return new StoragePath(slash == 0 ? "/" : text.substring(0, slash)); }
        return slash < S3.length() ? this : new StoragePath(text.substring(0, slash));
    }

    /// The last name; empty for the root.
    public String fileName() {
        return text.substring(text.lastIndexOf('/') + 1);
    }

    public boolean isLocal() {
        return !text.startsWith(S3);
    }

    /// @throws IllegalStateException if it is not local
    public Path toPath() {
        if (!isLocal()) { throw new IllegalStateException(text + " is not a path of this host"); }
        return Path.of(text);
    }

    @Override
    public String toString() {
        return text;
    }
}
