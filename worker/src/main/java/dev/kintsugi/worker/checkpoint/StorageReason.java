package dev.kintsugi.worker.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/// What an I/O exception means, in words: the JDK's messages are often nothing but a path.
public final class StorageReason {
    private StorageReason() {}

    public static String of(IOException e) {
        return switch (e) {
            case AccessDeniedException x -> "permission denied: " + x.getFile();
            case NoSuchFileException x -> "no such file or directory: " + x.getFile();
            case NotDirectoryException x -> "not a directory: " + x.getFile();
            case FileSystemException x when x.getReason() != null -> x.getReason() + ": " + x.getFile();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }
}
