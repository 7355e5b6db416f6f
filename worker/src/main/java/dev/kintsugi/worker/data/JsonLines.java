package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The text field of each line of a `.jsonl` file; lines of white space are skipped.
final class JsonLines {
    private static final int LINE_CHARS_MAX = 1 << 28;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(LINE_CHARS_MAX).build()).build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private final Path file;
    private final Reader reader;
    private final String textField;
    private final StringBuilder line = new StringBuilder();
    private long lineNumber;

    JsonLines(Path file, Reader reader, String textField) {
        this.file = file;
        this.reader = reader;
        this.textField = textField;
    }

    /// @return the next document's text, or null after the last
    String next() throws IOException {
        while (readLine()) {
            String json = line.toString();
            if (!json.isBlank()) { return text(json); }
        }
        return null;
    }

    /// Where the last text came from: `file:line`.
    String place() {
        return file + ":" + lineNumber;
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

    private String text(String json) {
        JsonNode node;
        try {
            node = JSON.readTree(json);
        } catch (JacksonException e) {
            throw new CallerException("dataset file %s: not a JSON object: %s; correct or remove the line"
                    .formatted(place(), e.getOriginalMessage().lines().findFirst().orElse("")), e);
        }
        JsonNode text = node.path(textField);
        if (!text.isString()) {
            throw new CallerException("dataset file %s: no string field '%s' (fields: %s); name the field with --dataset_text_field"
                    .formatted(place(), textField, node.isObject() ? String.join(", ", node.propertyNames()) : "none"));
        }
        return text.asString();
    }
}
