package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/// Checks that `--dataset_name` names at least one readable file. What is in it is the ranks' business.
final class DatasetPath {
    private static final String FLAG = "--dataset_name";

    private DatasetPath() {}

    static void check(String value) {
        Path path = SharedPath.absolute(FLAG, value);
        if (Files.isRegularFile(path)) {
            require(Files.isReadable(path), "%s=%s is not readable; check its permissions", FLAG, value);
        } else if (Files.isDirectory(path)) {
            require(anyFile(path, _ -> true), "%s=%s holds no file; name a directory that does", FLAG, value);
        } else {
            require(isGlob(value), "%s=%s does not exist; name a file, a directory or a glob", FLAG, value);
            require(anyFile(fixedPart(path), matcher(value)), "%s=%s matches no file; check the pattern", FLAG, value);
        }
    }

    private static PathMatcher matcher(String glob) {
        try {
            return FileSystems.getDefault().getPathMatcher("glob:" + glob);
        } catch (PatternSyntaxException e) {
            throw new InvalidJobException("%s=%s is not a glob (%s)".formatted(FLAG, glob, e.getDescription()));
        }
    }

    private static boolean anyFile(Path root, PathMatcher matcher) {
        if (!Files.isDirectory(root)) { return false; }
        try (Stream<Path> files = Files.walk(root)) {
            return files.anyMatch(f -> matcher.matches(f) && Files.isRegularFile(f));
        } catch (IOException | UncheckedIOException e) {
            throw new InvalidJobException("%s: %s cannot be listed (%s); check its permissions".formatted(FLAG, root,
                    e.getMessage()));
        }
    }

    /// The directory above the first component with a wildcard.
    private static Path fixedPart(Path glob) {
        Path root = glob.getRoot();
        for (Path part : glob) {
            if (isGlob(part.toString())) { return root; }
            root = root.resolve(part);
        }
        return root;
    }

    private static boolean isGlob(String text) {
        return text.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
    }
}
