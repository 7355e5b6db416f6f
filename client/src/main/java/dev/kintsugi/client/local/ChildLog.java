package dev.kintsugi.client.local;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/// What a child wrote: in memory until there is an output directory to keep it in, so that a refused job leaves no file behind.
final class ChildLog {
    private static final int LINES_KEPT = 2_000;

    private final Deque<String> lines = new ArrayDeque<>();
    private PrintWriter file;

    synchronized void add(String line) {
        if (lines.size() == LINES_KEPT) { lines.removeFirst(); }
        lines.addLast(line);
        if (file != null) {
            file.println(line);
            file.flush();
        }
    }

    synchronized void open(Path path) {
        try {
            Files.createDirectories(path.getParent());
            file = new PrintWriter(Files.newBufferedWriter(path));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        lines.forEach(file::println);
        file.flush();
    }

    /// The last line that is a sentence of its own and not a frame of a stack trace; `kintsugi: ` and the log's prefix are taken off.
    synchronized String lastWords() {
        String last = "";
        for (String line : lines) {
            boolean frame = line.isBlank() || line.startsWith("\t") || line.startsWith("    at ") || line.startsWith("WARNING:");
            if (!frame) { last = line; }
        }
        return last.replaceFirst("^kintsugi( [a-z]+)?: ", "").strip();
    }

    synchronized void close() {
        if (file != null) { file.close(); }
    }
}
