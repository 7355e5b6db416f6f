package dev.kintsugi.coordinator.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A directory a job will write into. Looking at it leaves nothing behind.
final class OutputDirectory {
    private final String flag;
    private final Path path;

    OutputDirectory(String outputDir) {
        this("--output_dir", outputDir);
    }

    /// @param flag that names the directory, for messages
    OutputDirectory(String flag, String directory) {
        this.flag = flag;
        path = SharedPath.absolute(flag, directory);
    }

    Path path() {
        return path;
    }

    /// Creates what is missing of the path and a file in it, then removes all of that again.
    ///
    /// @throws InvalidJobException if that fails
    void checkWritable() {
        List<Path> created = new ArrayList<>();
        try {
            createMissing(created);
            Path probe = Files.createTempFile(path, ".kintsugi-probe-", "");
            Files.delete(probe);
        } catch (IOException e) {
            throw new InvalidJobException("%s=%s is not writable (%s); name a directory that this user may write to"
                    .formatted(flag, path, reason(e)));
        } finally {
            created.reversed().forEach(OutputDirectory::deleteIfEmpty);
        }
    }

    private void createMissing(List<Path> created) throws IOException {
        List<Path> missing = new ArrayList<>();
        for (Path p = path; p != null && Files.notExists(p); p = p.getParent()) {
            missing.add(p);
        }
        for (Path p : missing.reversed()) {
            Files.createDirectory(p);
            created.add(p);
        }
        if (!Files.isDirectory(path)) { throw new IOException("it is not a directory"); }
    }

    // Another process may have begun to use the directory meanwhile; then it stays.
    private static void deleteIfEmpty(Path directory) {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            return;
        }
    }

    private static String reason(IOException e) {
        return switch (e) {
            case java.nio.file.AccessDeniedException _ -> "permission denied";
            case java.nio.file.FileAlreadyExistsException f -> f.getFile() + " is a file";
            case java.nio.file.FileSystemException f when f.getReason() != null -> f.getReason();
            default -> e.getMessage();
        };
    }
}
