package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.Reader;
import java.util.Arrays;

/// Streams one long document as parts whose tokens, one after another, are the document's tokens.
///
/// Tokenizers split text at words before they merge anything, so most line ends are places where a cut changes no token. Which are
/// is the tokenizer's business; so each cut is tried on the text around it, whole and in halves, and taken only if the ids agree. A
/// tokenizer that agrees nowhere (one that starts each text with a mark of its own) gets its documents whole.
final class TextCutter {
    /// The tokenizer is several times faster, and needs far less memory, on parts of this size than on megabytes.
    static final int PART_CHARS = 1 << 14;
    /// Beyond this a document that cannot be cut would need gigabytes.
    static final int WHOLE_CHARS_MAX = 1 << 25;

    /// Receives a document's parts in order: at least one, which is empty if the document is.
    interface Parts {
        void accept(String text, boolean first, boolean last);
    }

    private static final int AROUND_CHARS = 128;
    private static final int REFUSALS_MAX = 64;

    private final Tokenizer tokenizer;
    private final StringBuilder text = new StringBuilder();
    private final char[] read = new char[PART_CHARS];
    private int refusals;

    TextCutter(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// @param name of the document, for messages
    /// @throws CallerException if the document is too long to stay whole and cannot be cut
    void cut(Reader document, String name, Parts parts) throws IOException {
        text.setLength(0);
        refusals = 0;
        boolean first = true;
        int searchedTo = PART_CHARS;
        while (fill(document)) {
            for (int cut = find(searchedTo); cut > 0; cut = find(PART_CHARS)) {
                parts.accept(text.substring(0, cut), first, false);
                text.delete(0, cut);
                first = false;
            }
            searchedTo = Math.max(PART_CHARS, text.length() - AROUND_CHARS);
            checkLength(name);
        }
        parts.accept(text.toString(), first, true);
    }

    /// @return whether there was more to read
    private boolean fill(Reader document) throws IOException {
        int wanted = Math.max(2 * PART_CHARS, text.length() + PART_CHARS);
        while (text.length() < wanted) {
            int n = document.read(read);
            if (n < 0) { return false; }
            text.append(read, 0, n);
        }
        return true;
    }

    private void checkLength(String name) {
        if (text.length() > WHOLE_CHARS_MAX) {
            throw new CallerException(("dataset file %s: a document of more than %d characters that this tokenizer cannot be given in "
                    + "parts; split it into several files, or make it a .jsonl of documents").formatted(name, WHOLE_CHARS_MAX));
        }
    }

    /// @return a place to cut at, at or after `from`; -1: none yet
    private int find(int from) {
        for (int i = from; i < text.length() - AROUND_CHARS && refusals < REFUSALS_MAX; i++) {
            boolean candidate = text.charAt(i - 1) == '\n' && !Character.isWhitespace(text.charAt(i))
                    && !Character.isWhitespace(text.charAt(i - 2));
            if (!candidate) { continue; }
            if (isSafe(i)) {
                refusals = 0;
                return i;
            }
            refusals++;
        }
        return -1;
    }

    private boolean isSafe(int cut) {
        String left = text.substring(cut - AROUND_CHARS, cut);
        String right = text.substring(cut, cut + AROUND_CHARS);
        int[] whole = tokenizer.encode(left + right, false);
        int[] first = tokenizer.encode(left, false);
        int[] second = tokenizer.encode(right, false);
        return whole.length == first.length + second.length
                && Arrays.equals(whole, 0, first.length, first, 0, first.length)
                && Arrays.equals(whole, first.length, whole.length, second, 0, second.length);
    }
}
