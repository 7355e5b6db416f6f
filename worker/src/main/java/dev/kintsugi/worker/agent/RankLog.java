package dev.kintsugi.worker.agent;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;

/// A rank's log file on shared storage: `rank-<r>.log`, one after another generation, each under a header line.
final class RankLog {
    private static final int LAST_BYTES = 8192;
    private static final int LAST_LINES = 20;

    private final Path file;
    private final long start;        // where this generation's lines begin

    private RankLog(Path file, long start) {
        this.file = file;
        this.start = start;
    }

    static RankLog open(Path directory, int rank, long generation, String host) throws IOException {
        Files.createDirectories(directory);
        Path file = directory.resolve("rank-%d.log".formatted(rank));
        Files.writeString(file, "=== generation %d, rank %d on %s, %s%n".formatted(generation, rank, host,
                Instant.now().truncatedTo(ChronoUnit.SECONDS)), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        return new RankLog(file, Files.size(file));
    }

    Path file() {
        return file;
    }

    /// The last lines of this generation, oldest first.
    String lastWords() {
        try (var in = new RandomAccessFile(file.toFile(), "r")) {
            long from = Math.max(start, in.length() - LAST_BYTES);
            byte[] tail = new byte[(int) Math.max(0, in.length() - from)];
            in.seek(from);
            in.readFully(tail);
            List<String> lines = new String(tail, StandardCharsets.UTF_8).lines().toList();
            return String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
        } catch (IOException e) {
            return "cannot read %s: %s".formatted(file, e.getMessage());
        }
    }
}
