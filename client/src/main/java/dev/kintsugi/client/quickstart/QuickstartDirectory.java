package dev.kintsugi.client.quickstart;

import dev.kintsugi.client.service.CommandException;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;

/// Where a quickstart puts everything.
record QuickstartDirectory(Path root) {
    private static final String MARK = ".kintsugi-quickstart";

    Path data() {
        return root.resolve("data");
    }

    Path config() {
        return root.resolve("config.json");
    }

    Path tokenizer() {
        return root.resolve("tokenizer");
    }

    Path run() {
        return root.resolve("run");
    }

    Path export() {
        return root.resolve("export");
    }

    /// @return the committed checkpoint of a step, whether it is there or not
    Path checkpoint(int step) {
        return run().resolve("checkpoints").resolve("step-%08d".formatted(step));
    }

    boolean isCommitted(int step) {
        return Files.exists(checkpoint(step).resolve("manifest.json"));
    }

    /// @throws CommandException when there is something already that may not be overwritten
    void create(boolean overwrite) throws IOException {
        if (Files.exists(root) && !isEmpty()) {
            boolean ours = Files.exists(root.resolve(MARK));
            if (!overwrite || !ours) {
                throw new CommandException("%s exists already%s; go on from there by hand, or run this again with --output_dir %s%s."
                        .formatted(root, ours ? ", from an earlier quickstart" : " and is not from a quickstart", free(),
                                ours ? " or --overwrite" : ""));
            }
            delete();
        }
        Files.createDirectories(tokenizer());
        Files.createFile(root.resolve(MARK));
    }

    private boolean isEmpty() throws IOException {
        if (!Files.isDirectory(root)) { return false; }
        try (var files = Files.list(root)) {
            return files.findAny().isEmpty();
        }
    }

    private Path free() {
        for (int number = 2;; number++) {
            Path candidate = root.resolveSibling(root.getFileName() + "-" + number);
            if (!Files.exists(candidate)) { return candidate; }
        }
    }

    private void delete() throws IOException {
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException e) throws IOException {
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
