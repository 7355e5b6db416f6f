package dev.kintsugi.worker.generate;

import dev.kintsugi.worker.data.Tokenizer;
import java.util.Arrays;
import java.util.function.Consumer;

/// Turns tokens into text as they come. A character may be several tokens, so text is held back while it ends in half of one; and
/// what a token reads as may hang on the one before (a leading space), so each is decoded together with those last written.
final class TextStream {
    private static final char HALF = '\uFFFD';

    private final Tokenizer tokenizer;
    private final Consumer<String> out;
    private int[] ids = new int[64];
    private int length;
    private int context;        // ids from here are decoded together
    private int written;        // ids before here are written

    TextStream(Tokenizer tokenizer, Consumer<String> out) {
        this.tokenizer = tokenizer;
        this.out = out;
    }

    void accept(int... more) {
        for (int id : more) {
            if (length == ids.length) { ids = Arrays.copyOf(ids, 2 * length); }
            ids[length++] = id;
        }
        write(false);
    }

    /// Writes what was held back.
    void finish() {
        write(true);
    }

    private void write(boolean all) {
        String before = decode(context, written);
        String text = decode(context, length);
        boolean whole = !text.isEmpty() && text.charAt(text.length() - 1) != HALF;
        if (text.length() > before.length() && (all || whole)) {
            out.accept(text.substring(before.length()));
            context = written;
            written = length;
        }
    }

    private String decode(int from, int to) {
        return tokenizer.decode(true, Arrays.copyOfRange(ids, from, to));
    }
}
