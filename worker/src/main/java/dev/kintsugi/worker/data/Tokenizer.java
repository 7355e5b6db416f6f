package dev.kintsugi.worker.data;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import org.slf4j.LoggerFactory;

/// Hugging Face's own tokenizers library, on a local `tokenizer.json`. Never truncates, never pads, never asks the network.
///
/// It calls the JNI functions of DJL's binding directly: `HuggingFaceTokenizer` also copies every token's text and offsets into
/// Java objects, which made it 2.5 times slower (0.9 against 2.0 MB/s on 4 kB documents). Encoding and decoding are safe from
/// several threads at once.
public final class Tokenizer implements AutoCloseable {
    private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

    private final Path file;
    private final long handle;
    private final int vocabSize;
    private final OptionalInt bosId;
    private final OptionalInt eosId;
    private final int[] prefix;
    private final int[] suffix;

    private Tokenizer(Path file, long handle) {
        this.file = file;
        this.handle = handle;
        LIBRARY.disablePadding(handle);
        LIBRARY.disableTruncation(handle);
        this.vocabSize = Vocabulary.size(file);
        SpecialTokens special = SpecialTokens.besides(file);
        this.bosId = special.bosId(this);
        this.eosId = special.eosId(this);
        int[] bare = ids("a", false);
        int[] dressed = ids("a", true);
        int at = indexOf(dressed, bare);
        this.prefix = Arrays.copyOf(dressed, at);
        this.suffix = Arrays.copyOfRange(dressed, at + bare.length, dressed.length);
    }

    /// @param dirOrFile a directory that holds `tokenizer.json`, or the file itself
    /// @throws CallerException if it is missing or not a tokenizer
    public static Tokenizer open(Path dirOrFile) {
        Path file = file(dirOrFile);
        String json = read(file);
        loadLibrary();
        long handle = create(file, json);
        try {
            return new Tokenizer(file, handle);
        } catch (RuntimeException e) {
            LIBRARY.deleteTokenizer(handle);
            throw e;
        }
    }

    /// The `tokenizer.json` that `dirOrFile` means.
    static Path file(Path dirOrFile) {
        Path file = Files.isDirectory(dirOrFile) ? dirOrFile.resolve("tokenizer.json") : dirOrFile;
        if (!Files.isRegularFile(file)) {
            throw new CallerException(("tokenizer %s: no such file; give the directory of a Hugging Face tokenizer that holds "
                    + "tokenizer.json, or that file").formatted(file));
        }
        return file;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException | MalformedInputException e) {
            throw new CallerException("tokenizer %s: not a UTF-8 text file; give a Hugging Face tokenizer.json".formatted(file), e);
        } catch (IOException e) {
            throw new WorldException("storage", "tokenizer %s: cannot be read: %s".formatted(file, e.getMessage()), e);
        }
    }

    /// DJL unpacks its library into a folder of its own name and moves that into place, so that processes can race.
    private static void loadLibrary() {
        System.setProperty("ai.djl.offline", "true");
        if (LoggerFactory.getLogger("ai.djl") instanceof Logger djl && djl.getLevel() == null) {
            djl.setLevel(Level.ERROR); // It warns of having no GPU, which it would not use.
        }
        try {
            LibUtils.checkStatus();
        } catch (RuntimeException | LinkageError e) {
            throw new WorldException("native_library", ("the tokenizers library did not load: %s; it is unpacked to ~/.djl.ai, or to "
                    + "the directory that the environment variable DJL_CACHE_DIR names").formatted(cause(e).getMessage()), e);
        }
    }

    private static Throwable cause(Throwable e) {
        return e.getCause() == null ? e : cause(e.getCause());
    }

    private static long create(Path file, String json) {
        try {
            return LIBRARY.createTokenizerFromString(json);
        } catch (RuntimeException e) {
            throw new CallerException(("tokenizer %s: not a Hugging Face tokenizer.json (%s); save the tokenizer again with "
                    + "transformers' save_pretrained").formatted(file, e.getMessage()), e);
        }
    }

    private int indexOf(int[] dressed, int[] bare) {
        for (int at = 0; at + bare.length <= dressed.length; at++) {
            if (Arrays.equals(dressed, at, at + bare.length, bare, 0, bare.length)) { return at; }
        }
        throw new CallerException("tokenizer %s: its post_processor changes the tokens themselves; only ones that add tokens before and after are supported"
                .formatted(file));
    }

    /// Token ids of `text`; with `addSpecialTokens`, those that the tokenizer's `post_processor` puts around it too.
    /// Half a surrogate pair, which no UTF-8 can hold, counts as U+FFFD.
    public int[] encode(String text, boolean addSpecialTokens) {
        return ids(wellFormed(text), addSpecialTokens);
    }

    private int[] ids(String text, boolean addSpecialTokens) {
        long encoding = LIBRARY.encode(handle, text, addSpecialTokens);
        long[] ids;
        try {
            ids = LIBRARY.getTokenIds(encoding);
        } finally {
            LIBRARY.deleteEncoding(encoding);
        }
        int[] out = new int[ids.length];
        for (int i = 0; i < ids.length; i++) { out[i] = (int) ids[i]; }
        return out;
    }

    /// Token ids of `text`, without special tokens around it, and which characters each stands for.
    ///
    /// @param starts by token, in code points of the text
    /// @param ends by token; not included
    record Spans(int[] ids, int[] starts, int[] ends) {
        /// @return the first token that stands for the code point at `at`; -1: none
        int tokenAt(int at) {
            for (int i = 0; i < ids.length; i++) {
                if (starts[i] <= at && at < ends[i]) { return i; }
            }
            return -1;
        }
    }

    Spans encodeWithSpans(String text) {
        long encoding = LIBRARY.encode(handle, wellFormed(text), false);
        try {
            long[] ids = LIBRARY.getTokenIds(encoding);
            CharSpan[] spans = LIBRARY.getTokenCharSpans(encoding);
            return new Spans(Arrays.stream(ids).mapToInt(id -> (int) id).toArray(), Arrays.stream(spans).mapToInt(s -> s == null ? 0 : s.getStart()).toArray(),
                    Arrays.stream(spans).mapToInt(s -> s == null ? 0 : s.getEnd()).toArray());
        } finally {
            LIBRARY.deleteEncoding(encoding);
        }
    }

    private static String wellFormed(String text) {
        StringBuilder repaired = null;
        for (int i = 0; i < text.length(); i++) {
            if (!Character.isSurrogate(text.charAt(i))) { continue; }
            if (i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                i++;
                continue;
            }
            if (repaired == null) { repaired = new StringBuilder(text); }
            repaired.setCharAt(i, '\uFFFD');
        }
        return repaired == null ? text : repaired.toString();
    }

    /// Text of `ids`, special tokens included. Bytes that are not UTF-8 (half a character) become U+FFFD.
    public String decode(int... ids) {
        return decode(false, ids);
    }

    /// The same, with or without the text of special tokens.
    public String decode(boolean skipSpecialTokens, int... ids) {
        return LIBRARY.decode(handle, Arrays.stream(ids).asLongStream().toArray(), skipSpecialTokens);
    }

    /// One more than the greatest id, added tokens included: the fewest rows that an embedding for it may have.
    public int vocabSize() {
        return vocabSize;
    }

    /// The id of `eos_token`, where a file beside `tokenizer.json` names one.
    public OptionalInt eosId() {
        return eosId;
    }

    /// The id of `bos_token`, where a file beside `tokenizer.json` names one.
    public OptionalInt bosId() {
        return bosId;
    }

    /// What `addSpecialTokens` puts before a text.
    int[] prefix() {
        return prefix;
    }

    /// What `addSpecialTokens` puts after a text.
    int[] suffix() {
        return suffix;
    }

    Path file() {
        return file;
    }

    @Override
    public void close() {
        LIBRARY.deleteTokenizer(handle);
    }
}
