package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/// The files that `--dataset_name` means, in the order of their names.
///
/// @param root what the names are relative to
/// @param names relative to the root, with `/`, sorted by UTF-16 code unit: the same on every machine
record DatasetFiles(Path root, List<String> names) {
    private static final Set<String> NOT_TEXT = Set.of("parquet", "arrow", "gz", "bz2", "xz", "zst", "zip", "tar", "tgz", "bin",
            "safetensors", "pdf", "png", "jpg");

    DatasetFiles {
        names = List.copyOf(names);
    }

    /// @param datasetName a file; a directory, searched recursively but for hidden files; or a glob as in
    ///            [java.nio.file.FileSystem#getPathMatcher]
    /// @param split whose files alone are wanted, unless `datasetName` is a file: those whose name begins with it as a word, and those in a
    ///            directory of that name; empty: all
    /// @throws CallerException if there is no such file, or one that is no text
    static DatasetFiles find(String datasetName, String split) {
        Path path = Path.of(datasetName);
        DatasetFiles found;
        if (Files.isRegularFile(path)) {
            found = new DatasetFiles(parent(path), List.of(path.getFileName().toString()));
        } else if (Files.isDirectory(path)) {
            found = walk(path, _ -> true);
        } else if (isGlob(datasetName)) {
            found = glob(path, datasetName);
        } else {
            throw new CallerException("dataset_name=%s: no such file or directory; give a text, .jsonl or .csv file, a directory or a glob"
                    .formatted(datasetName));
        }
        if (found.names.isEmpty()) {
            throw new CallerException("dataset_name=%s: no file matches; give a text, .jsonl or .csv file, a directory or a glob"
                    .formatted(datasetName));
        }
        DatasetFiles wanted = split.isEmpty() || Files.isRegularFile(path) ? found : found.ofSplit(datasetName, split);
        wanted.names.forEach(wanted::checkText);
        return wanted;
    }

    private DatasetFiles ofSplit(String datasetName, String split) {
        List<String> wanted = names.stream().filter(name -> isOfSplit(name, split)).toList();
        if (wanted.isEmpty()) {
            throw new CallerException("dataset_name=%s: no file of split '%s'; name one %s.jsonl, put files in a directory %s, or correct --splits"
                    .formatted(datasetName, split, split, split));
        }
        return new DatasetFiles(root, wanted);
    }

    private static boolean isOfSplit(String name, String split) {
        List<String> parts = List.of(name.split("/"));
        String file = parts.getLast();
        boolean named = file.startsWith(split) && (file.length() == split.length() || !Character.isLetterOrDigit(file.charAt(split.length())));
        return named || parts.subList(0, parts.size() - 1).contains(split);
    }

    Path path(String name) {
        return root.resolve(name);
    }

    private static Path parent(Path file) {
        return file.toAbsolutePath().getParent();
    }

    private static boolean isGlob(String name) {
        return name.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
    }

    private static DatasetFiles glob(Path pattern, String datasetName) {
        Path absolute = pattern.toAbsolutePath().normalize();
        Path root = absolute.getRoot();
        for (Path part : absolute) {
            if (isGlob(part.toString())) { break; }
            root = root.resolve(part);
        }
        try {
            PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + absolute);
            return Files.isDirectory(root) ? walk(root, matcher::matches) : new DatasetFiles(root, List.of());
        } catch (PatternSyntaxException e) {
            throw new CallerException("dataset_name=%s: not a glob: %s; close its brackets".formatted(datasetName, e.getDescription()), e);
        }
    }

    private static DatasetFiles walk(Path root, Predicate<Path> wanted) {
        TreeMap<String, Path> found = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(root, FileVisitOption.FOLLOW_LINKS)) {
            paths.filter(p -> wanted.test(p) && Files.isRegularFile(p)).forEach(p -> found.put(name(root, p), p));
        } catch (IOException | UncheckedIOException e) {
            throw new WorldException("storage", "dataset directory %s: cannot be listed: %s".formatted(root, e.getMessage()), e);
        }
        List<String> names = new ArrayList<>(found.keySet());
        names.removeIf(DatasetFiles::isHidden);
        return new DatasetFiles(root, Collections.unmodifiableList(names));
    }

    private static String name(Path root, Path file) {
        return root.relativize(file).toString().replace(file.getFileSystem().getSeparator(), "/");
    }

    private static boolean isHidden(String name) {
        return name.startsWith(".") || name.contains("/.");
    }

    private void checkText(String name) {
        String extension = extension(name);
        if (NOT_TEXT.contains(extension)) {
            throw new CallerException("dataset file %s: .%s is not text; unpack or convert it to text or .jsonl, or leave it out"
                    .formatted(path(name), extension));
        }
    }

    static String extension(String name) {
        int dot = name.lastIndexOf('.');
        return dot < 0 ? "" : name.substring(dot + 1).toLowerCase(Locale.ROOT);
    }
}
