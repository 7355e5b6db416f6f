package dev.kintsugi.coordinator.logs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ReadLogsResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobLogsTest {
    @TempDir
    Path output;

    @BeforeEach
    void write() throws IOException {
        append(1, 0, "a1\na2\n");
        append(1, 1, "b1\n");
        append(2, 0, "a3\na4\nhalf");
    }

    @Test
    void shouldReadAttemptsInOrderAndOnlyWholeLines() throws IOException {
        var logs = new JobLogs(output, OptionalInt.empty());
        assertThat(lines(logs.readNew())).containsExactly("1/0 a1", "1/0 a2", "1/1 b1", "2/0 a3", "2/0 a4");
        assertThat(logs.readNew()).isEmpty();
        append(2, 0, " done\n");
        append(3, 1, "b2\n");
        assertThat(lines(logs.readNew())).containsExactly("2/0 half done", "3/1 b2");
    }

    @Test
    void shouldGiveTheUnfinishedLastLineWhenNothingMoreComes() throws IOException {
        var logs = new JobLogs(output, OptionalInt.of(0));
        logs.readNew();
        var rest = new ArrayList<ReadLogsResponse>();
        logs.readRest(rest::add);
        assertThat(lines(rest)).containsExactly("2/0 half");
    }

    @Test
    void shouldTailEachRankAcrossAttempts() throws IOException {
        var logs = new JobLogs(output, OptionalInt.empty());
        var tail = new ArrayList<ReadLogsResponse>();
        logs.readTail(3, tail::add);
        assertThat(lines(tail)).containsExactly("1/0 a2", "1/1 b1", "2/0 a3", "2/0 a4");
    }

    @Test
    void shouldReadNothingWhereNothingIs() throws IOException {
        assertThat(new JobLogs(output.resolve("none"), OptionalInt.empty()).readNew()).isEmpty();
    }

    private void append(long generation, int rank, String text) throws IOException {
        Path directory = Files.createDirectories(output.resolve("logs/generation-" + generation));
        Files.writeString(directory.resolve("rank-%d.log".formatted(rank)), text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private static List<String> lines(List<ReadLogsResponse> responses) {
        return responses.stream().flatMap(r -> r.getLinesList().stream().map(l -> "%d/%d %s".formatted(r.getGeneration(), r.getRank(), l)))
                .toList();
    }
}
