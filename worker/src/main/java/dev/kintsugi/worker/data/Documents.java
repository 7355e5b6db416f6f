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

/// Streams the documents of a dataset: a text file is one, each line of a `.jsonl` file is one. Bytes that are not UTF-8 become
/// U+FFFD. At most one line, or about 100 kB of a text file, is in memory.
final class Documents {
    static final String JSONL = "jsonl";
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

    /// @throws CallerException if a line is not JSON or lacks the text field
    void forEach(TextCutter.Parts parts) {
        for (String name : files.names()) {
            Path file = files.path(name);
            try (Reader text = open(file)) {
                if (DatasetFiles.extension(name).equals(JSONL)) {
                    readLines(new JsonLines(file, text, textField), parts);
                } else {
                    cutter.cut(text, file.toString(), parts);
                }
            } catch (IOException e) {
                throw new WorldException("storage", "dataset file %s: cannot be read: %s".formatted(file, e.getMessage()), e);
            }
        }
    }

    /// Bytes of the files that have been read so far.
    long bytesRead() {
        return bytesRead;
    }

    private void readLines(JsonLines lines, TextCutter.Parts parts) throws IOException {
        for (String text = lines.next(); text != null; text = lines.next()) {
            cutter.cut(new StringReader(text), lines.place(), parts);
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
