package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/// Checks that `--dataset_name` or `--eval_dataset_name` names at least one readable file. What is in it is the ranks' business.
final class DatasetPath {
    private final String flag;

    private DatasetPath(String flag) {
        this.flag = flag;
    }

    /// What a job trains on, and what it evaluates on.
    static void check(JobSpec spec) {
        new DatasetPath("--dataset_name").check(spec.getDatasetName());
        if (!EvaluationRules.evaluates(spec)) { return; }
        boolean own = !spec.getEvalDatasetName().isEmpty();
        String name = own ? spec.getEvalDatasetName() : spec.getDatasetName();
        var evaluation = new DatasetPath(own ? "--eval_dataset_name" : "--dataset_name");
        evaluation.check(name);
        require(own || !Files.isRegularFile(Path.of(name)), "--dataset_name=%s is one file, so it has no split '%s'; name a directory, or the data to evaluate"
                + " on with --eval_dataset_name", name, EvaluationRules.split(spec));
    }

    private void check(String value) {
        Path path = SharedPath.absolute(flag, value);
        if (Files.isRegularFile(path)) {
            require(Files.isReadable(path), "%s=%s is not readable; check its permissions", flag, value);
        } else if (Files.isDirectory(path)) {
            require(anyFile(path, _ -> true), "%s=%s holds no file; name a directory that does", flag, value);
        } else {
            require(isGlob(value), "%s=%s does not exist; name a file, a directory or a glob", flag, value);
            require(anyFile(fixedPart(path), matcher(value)), "%s=%s matches no file; check the pattern", flag, value);
        }
    }

    private PathMatcher matcher(String glob) {
        try {
            return FileSystems.getDefault().getPathMatcher("glob:" + glob);
        } catch (PatternSyntaxException e) {
            throw new InvalidJobException("%s=%s is not a glob (%s)".formatted(flag, glob, e.getDescription()));
        }
    }

    private boolean anyFile(Path root, PathMatcher matcher) {
        if (!Files.isDirectory(root)) { return false; }
        try (Stream<Path> files = Files.walk(root)) {
            return files.anyMatch(f -> matcher.matches(f) && Files.isRegularFile(f));
        } catch (IOException | UncheckedIOException e) {
            throw new InvalidJobException("%s: %s cannot be listed (%s); check its permissions".formatted(flag, root,
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
