package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.BufferedReader;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Streams the examples of a dataset: a text file is one, each record of a `.jsonl` or `.csv` file is one, all of one form. Bytes that
/// are not UTF-8 become U+FFFD. At most one record, or about 100 kB of a text file, is in memory.
final class Documents {
    private static final int BUFFER_BYTES = 1 << 16;

    private final DatasetFiles files;
    private final String textField;
    private final TextCutter cutter;
    private long bytesRead;

    Documents(DatasetFiles files, String textField, Tokenizer tokenizer) {
        this.files = files;
        this.textField = textField;
        this.cutter = new TextCutter(tokenizer);
    }

    /// Receives the examples in their order: plain text in parts, anything else whole.
    interface Examples extends TextCutter.Parts {
        /// @param place `file:line`
        void accept(Example example, String place);
    }

    /// The form of the first example, which all must have.
    Example.Form form() {
        for (String name : files.names()) {
            if (!hasRows(name)) { return Example.Form.TEXT; }
            try (Reader text = open(files.path(name))) {
                Row row = rows(name, text).next();
                if (row != null) { return Example.of(row, textField).form(); }
            } catch (IOException e) {
                throw unreadable(name, e);
            }
        }
        return Example.Form.TEXT;
    }

    /// @throws CallerException if a record is malformed or has another form than the first
    void forEach(Examples examples) {
        Example.Form form = form();
        bytesRead = 0;
        for (String name : files.names()) {
            try (Reader text = open(files.path(name))) {
                if (hasRows(name)) {
                    readRows(rows(name, text), form, examples);
                } else {
                    requireForm(form, Example.Form.TEXT, files.path(name).toString());
                    cutter.cut(text, files.path(name).toString(), examples);
                }
            } catch (IOException e) {
                throw unreadable(name, e);
            }
        }
    }

    private static boolean hasRows(String name) {
        return DatasetFiles.extension(name).equals("jsonl") || DatasetFiles.extension(name).equals("csv");
    }

    private Rows rows(String name, Reader text) {
        Path file = files.path(name);
        return DatasetFiles.extension(name).equals("csv") ? new CsvRows(file, text) : new JsonRows(file, text);
    }

    private WorldException unreadable(String name, IOException e) {
        return new WorldException("storage", "dataset file %s: cannot be read: %s".formatted(files.path(name), e.getMessage()), e);
    }

    private static void requireForm(Example.Form wanted, Example.Form found, String place) {
        if (found != wanted) {
            throw new CallerException("dataset file %s: %s, but the dataset began with %s; give records of one form"
                    .formatted(place, found.label(), wanted.label()));
        }
    }

    /// Bytes of the files that have been read so far.
    long bytesRead() {
        return bytesRead;
    }

    private void readRows(Rows rows, Example.Form form, Examples examples) throws IOException {
        for (Row row = rows.next(); row != null; row = rows.next()) {
            Example example = Example.of(row, textField);
            requireForm(form, example.form(), row.place());
            if (example instanceof Example.Text(String text)) {
                cutter.cut(new StringReader(text), row.place(), examples);
            } else {
                examples.accept(example, row.place());
            }
        }
    }

    private Reader open(Path file) throws IOException {
        if (!Files.isReadable(file)) {
            throw new CallerException("dataset file %s: may not be read; give yourself the right to".formatted(file));
        }
        var decoder = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE)
                .onUnmappableCharacter(CodingErrorAction.REPLACE);
        return new BufferedReader(new InputStreamReader(new Counting(Files.newInputStream(file)), decoder), BUFFER_BYTES);
    }

    private final class Counting extends FilterInputStream {
        Counting(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            if (b >= 0) { bytesRead++; }
            return b;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int n = super.read(into, offset, length);
            if (n > 0) { bytesRead += n; }
            return n;
        }
    }
}
