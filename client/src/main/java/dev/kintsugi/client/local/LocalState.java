package dev.kintsugi.client.local;

import dev.kintsugi.client.service.CommandException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;

/// The directory for a local coordinator's state, which nobody needs after the run: it is under the system's temporary directory and
/// named for this process, so that a later run removes what a killed one has left.
final class LocalState implements AutoCloseable {
    private static final String PREFIX = "kintsugi-local-";

    private final Path directory;

    LocalState() {
        Path parent = Path.of(System.getProperty("java.io.tmpdir"));
        directory = parent.resolve(PREFIX + ProcessHandle.current().pid());
        try {
            sweep(parent);
            deleteTree(directory);
            Files.createDirectory(directory);
        } catch (IOException e) {
            throw new CommandException(
                    "no directory can be made in %s (%s); make room there, or set JDK_JAVA_OPTIONS=-Djava.io.tmpdir=DIR."
                            .formatted(parent, e.getMessage()),
                    e);
        }
    }

    Path resolve(String name) {
        return directory.resolve(name);
    }

    private static void sweep(Path parent) throws IOException {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(parent, PREFIX + "[0-9]*")) {
            for (Path path : left) {
                long pid = Long.parseLong(path.getFileName().toString().substring(PREFIX.length()));
                if (ProcessHandle.of(pid).isEmpty() && Files.isWritable(path)) { deleteTree(path); }
            }
        } catch (NumberFormatException _) {
            // Somebody else's directory with a name like ours.
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.isDirectory(root)) { return; }
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException e) throws IOException {
                Files.deleteIfExists(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    @Override
    public void close() {
        try {
            deleteTree(directory);
        } catch (IOException _) {
            // The next run's sweep tries again.
        }
    }
}
