package dev.kintsugi.coordinator.logs;

import dev.kintsugi.proto.v1.ReadLogsResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The lines that a job's ranks wrote to `<output_dir>/logs/generation-G/rank-R.log`, oldest attempt first. For one reader, on one
/// thread.
public final class JobLogs {
    private static final Pattern GENERATION = Pattern.compile("generation-(\\d{1,18})");
    private static final Pattern RANK = Pattern.compile("rank-(\\d{1,9})\\.log");

    private final Path root;
    private final OptionalInt rank;
    private final List<LogFile> files = new ArrayList<>();
    private final Set<Path> known = new HashSet<>();

    /// @param rank only this one; empty: all
    public JobLogs(Path outputDir, OptionalInt rank) {
        root = outputDir.resolve("logs");
        this.rank = rank;
    }

    /// Lines that were not read before, a bounded number a file; empty when all that is there now was read.
    public List<ReadLogsResponse> readNew() throws IOException {
        findFiles();
        var batch = new ArrayList<ReadLogsResponse>();
        for (LogFile file : files) {
            List<String> lines = file.read();
            if (!lines.isEmpty()) { batch.add(response(file, lines)); }
        }
        return batch;
    }

    /// The last `tailLines` lines of each rank, whichever attempt wrote them.
    public void readTail(int tailLines, Consumer<ReadLogsResponse> out) throws IOException {
        findFiles();
        Map<LogFile, Deque<String>> tails = new LinkedHashMap<>();
        for (LogFile file : files) {
            tails.put(file, tail(file, tailLines));
        }
        Map<Integer, Integer> wanted = new LinkedHashMap<>();
        for (LogFile file : files.reversed()) {
            int left = wanted.getOrDefault(file.rank(), tailLines);
            Deque<String> lines = tails.get(file);
            while (lines.size() > left) {
                lines.removeFirst();
            }
            wanted.put(file.rank(), left - lines.size());
        }
        tails.forEach((file, lines) -> {
            if (!lines.isEmpty()) { out.accept(response(file, List.copyOf(lines))); }
        });
    }

    /// Last lines that were not ended by their writer; for when nothing more will come.
    public void readRest(Consumer<ReadLogsResponse> out) {
        for (LogFile file : files) {
            List<String> rest = file.rest();
            if (!rest.isEmpty()) { out.accept(response(file, rest)); }
        }
    }

    private static Deque<String> tail(LogFile file, int tailLines) throws IOException {
        var last = new ArrayDeque<String>();
        for (List<String> lines = file.read(); !lines.isEmpty(); lines = file.read()) {
            last.addAll(lines);
            while (last.size() > tailLines) {
                last.removeFirst();
            }
        }
        return last;
    }

    private void findFiles() throws IOException {
        for (Path generation : list(root)) {
            Matcher g = GENERATION.matcher(generation.getFileName().toString());
            if (g.matches()) { findFiles(generation, Long.parseLong(g.group(1))); }
        }
        files.sort(Comparator.comparingLong(LogFile::generation).thenComparingInt(LogFile::rank));
    }

    private void findFiles(Path directory, long generation) throws IOException {
        for (Path file : list(directory)) {
            Matcher r = RANK.matcher(file.getFileName().toString());
            if (!r.matches() || rank.isPresent() && rank.getAsInt() != Integer.parseInt(r.group(1))) { continue; }
            if (known.add(file)) { files.add(new LogFile(file, Integer.parseInt(r.group(1)), generation)); }
        }
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) { return List.of(); }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static ReadLogsResponse response(LogFile file, List<String> lines) {
        return ReadLogsResponse.newBuilder().setRank(file.rank()).setGeneration(file.generation()).addAllLines(lines).build();
    }
}
