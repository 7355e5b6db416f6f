package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// The lines of a `.jsonl` file, each a JSON object; lines of white space are skipped.
final class JsonRows implements Rows {
    private static final int LINE_CHARS_MAX = 1 << 28;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(LINE_CHARS_MAX).build()).build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private final Path file;
    private final Reader reader;
    private final StringBuilder line = new StringBuilder();
    private long lineNumber;

    JsonRows(Path file, Reader reader) {
        this.file = file;
        this.reader = reader;
    }

    @Override
    public Row next() throws IOException {
        while (readLine()) {
            String json = line.toString();
            if (!json.isBlank()) { return row(json); }
        }
        return null;
    }

    private boolean readLine() throws IOException {
        line.setLength(0);
        lineNumber++;
        int c = reader.read();
        if (c < 0) { return false; }
        for (; c >= 0 && c != '\n'; c = reader.read()) {
            if (line.length() == LINE_CHARS_MAX) {
                throw new CallerException("dataset file %s: a line of more than %d characters; is it JSONL?".formatted(place(), LINE_CHARS_MAX));
            }
            line.append((char) c);
        }
        return true;
    }

    private Row row(String json) {
        try {
            return new Row(JSON.readTree(json), place());
        } catch (JacksonException e) {
            throw new CallerException("dataset file %s: not a JSON object: %s; correct or remove the line"
                    .formatted(place(), e.getOriginalMessage().lines().findFirst().orElse("")), e);
        }
    }

    private String place() {
        return file + ":" + lineNumber;
    }
}
