package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The records of a `.csv` file ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)): the first names the fields; a field in double quotes may
/// hold commas, line ends and, doubled, quotes. Lines end with LF or CR LF; empty ones are skipped.
final class CsvRows implements Rows {
    private static final int FIELD_CHARS_MAX = 1 << 28;
    private static final int END = -1;

    private final Path file;
    private final Reader reader;
    private final StringBuilder field = new StringBuilder();
    private List<String> names;
    private long line = 1;
    private long recordLine;
    private int next = END - 1;

    CsvRows(Path file, Reader reader) {
        this.file = file;
        this.reader = reader;
    }

    @Override
    public Row next() throws IOException {
        if (names == null) { names = record(); }
        List<String> values = names == null ? null : record();
        if (values == null) { return null; }
        if (values.size() != names.size()) {
            throw new CallerException("dataset file %s: %d fields, but the first line names %d; correct the line"
                    .formatted(place(), values.size(), names.size()));
        }
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        for (int i = 0; i < names.size(); i++) { row.put(names.get(i), values.get(i)); }
        return new Row(row, place());
    }

    /// @return null at the end
    private List<String> record() throws IOException {
        while (peek() == '\n' || peek() == '\r' || peek() == '\uFEFF') { take(); }
        if (peek() == END) { return null; }
        recordLine = line;
        List<String> fields = new ArrayList<>();
        do {
            fields.add(field());
        } while (takeIf(','));
        if (peek() == '\r') { take(); }
        if (peek() != END && !takeIf('\n')) {
            throw new CallerException("dataset file %s: text behind a closing quote; double the quotes within a field".formatted(place()));
        }
        return fields;
    }

    private String field() throws IOException {
        field.setLength(0);
        if (takeIf('"')) {
            quoted();
        } else {
            while (peek() != ',' && peek() != '\n' && peek() != '\r' && peek() != END) { append(take()); }
        }
        return field.toString();
    }

    private void quoted() throws IOException {
        while (true) {
            if (takeIf('"')) {
                if (peek() != '"') { return; }
            } else if (peek() == END) {
                throw new CallerException("dataset file %s: a quote is opened and never closed; close it".formatted(place()));
            }
            append(take());
        }
    }

    private void append(int c) {
        if (field.length() == FIELD_CHARS_MAX) {
            throw new CallerException("dataset file %s: a field of more than %d characters; is it CSV?".formatted(place(), FIELD_CHARS_MAX));
        }
        field.append((char) c);
    }

    private int peek() throws IOException {
        if (next < END) { next = reader.read(); }
        return next;
    }

    private int take() throws IOException {
        int c = peek();
        next = END - 1;
        if (c == '\n') { line++; }
        return c;
    }

    private boolean takeIf(char wanted) throws IOException {
        if (peek() != wanted) { return false; }
        take();
        return true;
    }

    private String place() {
        return file + ":" + recordLine;
    }
}
