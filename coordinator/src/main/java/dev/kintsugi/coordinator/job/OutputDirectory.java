package dev.kintsugi.coordinator.job;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The directory a job will write into. Looking at it leaves nothing behind.
final class OutputDirectory {
    private final Path path;

    OutputDirectory(String outputDir) {
        path = SharedPath.absolute("--output_dir", outputDir);
    }

    Path path() {
        return path;
    }

    Path checkpoints() {
        return path.resolve(CheckpointLayout.CHECKPOINTS);
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
            throw new InvalidJobException("--output_dir=%s is not writable (%s); name a directory that this user may write to"
                    .formatted(path, reason(e)));
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
