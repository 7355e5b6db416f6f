package dev.kintsugi.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
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
            case FileAlreadyExistsException x -> "there is a file of that name: " + x.getFile();
            case DirectoryNotEmptyException x -> "something is being written into it: " + x.getFile();
            case FileSystemException x when x.getReason() != null -> x.getReason() + ": " + x.getFile();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }

    /// The same failure, with a message for people.
    static IOException explained(StoragePath file, IOException e) {
        String reason = of(e);
        IOException explained = e instanceof NoSuchFileException ? new FileNotFoundException(reason)
                : new IOException(e instanceof FileSystemException || reason.contains(file.text()) ? reason : "%s: %s".formatted(file, reason));
        explained.initCause(e);
        return explained;
    }
}
