package dev.kintsugi.coordinator.logs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/// One rank's log, read line by line while the rank may still write it. A line counts once its end is there.
final class LogFile {
    private static final int CHUNK_BYTES = 1 << 16;

    private final Path path;
    private final int rank;
    private final long generation;
    private final ByteArrayOutputStream partial = new ByteArrayOutputStream();
    private long position;

    LogFile(Path path, int rank, long generation) {
        this.path = path;
        this.rank = rank;
        this.generation = generation;
    }

    Path path() {
        return path;
    }

    int rank() {
        return rank;
    }

    long generation() {
        return generation;
    }

    /// The next lines, of at most about [#CHUNK_BYTES] together; empty at the present end.
    List<String> read() throws IOException {
        var lines = new ArrayList<String>();
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            while (lines.isEmpty()) {
                int n = channel.read(chunk.clear(), position);
                if (n <= 0) { return lines; }
                position += n;
                split(chunk.flip(), lines);
            }
        }
        return lines;
    }

    /// The last line, if its writer did not end it.
    List<String> rest() {
        if (partial.size() == 0) { return List.of(); }
        var lines = new ArrayList<String>();
        endLine(lines);
        return lines;
    }

    private void split(ByteBuffer bytes, List<String> lines) {
        while (bytes.hasRemaining()) {
            byte b = bytes.get();
            if (b == '\n') {
                endLine(lines);
            } else {
                partial.write(b);
            }
        }
    }

    private void endLine(List<String> lines) {
        lines.add(partial.toString(StandardCharsets.UTF_8));
        partial.reset();
    }
}
