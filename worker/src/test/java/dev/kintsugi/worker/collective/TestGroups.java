package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.collective.GroupConfig.Transport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Opens groups of a test and removes what they leave.
final class TestGroups implements AutoCloseable {
    private final Path shmDirectory = temporary();

    private static Path temporary() {
        try {
            return Files.createTempDirectory(Path.of("/dev/shm"), "kintsugi-test-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    CollectiveGroup open(Transport transport, int rank, int worldSize) {
        return CollectiveGroups.open(config(transport, rank, worldSize, Duration.ofSeconds(20)));
    }

    GroupConfig config(Transport transport, int rank, int worldSize, Duration timeout) {
        return new GroupConfig("job", 1, rank, worldSize, transport, shmDirectory, null, List.of(), timeout);
    }

    Path shmDirectory() {
        return shmDirectory;
    }

    @Override
    public void close() {
        try (var left = Files.list(shmDirectory)) {
            List<Path> files = left.toList();
            for (Path f : files) {
                Files.delete(f);
            }
            Files.delete(shmDirectory);
            if (!files.isEmpty()) { throw new AssertionError("left in shared memory: " + files); }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
