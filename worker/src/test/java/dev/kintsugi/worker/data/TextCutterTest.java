package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TextCutterTest {
    private static final long SEED = Long.getLong("test.seed", new Random().nextLong());

    @Test
    void shouldCutLongTextWithoutChangingAToken() throws IOException {
        checkSameTokens(Files.readString(Fixtures.QUICKSTART.resolve("english.txt")).substring(0, 150_000), 5);
    }

    @Test
    void shouldCutRandomTextWithoutChangingAToken() throws IOException {
        String[] words = {"int x;", "{", "}", "\n", "\n", "\n    ", " ", "\t", "  \n", "\r\n", "ある", "。\n", "don't", "123", "<|endoftext|>", "\n\n", "😀"};
        Random random = new Random(SEED);
        for (int i = 0; i < 3; i++) {
            StringBuilder text = new StringBuilder();
            while (text.length() < 60_000) { text.append(words[random.nextInt(words.length)]); }
            checkSameTokens(text.toString(), 3);
        }
    }

    private static void checkSameTokens(String text, int partsMin) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.QUICKSTART)) {
            List<String> parts = parts(tokenizer, text);
            assertThat(parts).hasSizeGreaterThanOrEqualTo(partsMin);
            assertThat(String.join("", parts)).isEqualTo(text);
            int[] together = parts.stream().flatMapToInt(p -> IntStream.of(tokenizer.encode(p, false))).toArray();
            assertThat(together).as("seed=%d", SEED).isEqualTo(tokenizer.encode(text, false));
        }
    }

    @Test
    void shouldKeepTextWholeWhereATokenizerMarksItsStart() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.UNIGRAM)) {
            assertThat(parts(tokenizer, "of the people\n".repeat(20_000))).hasSize(1);
        }
    }

    @Test
    void shouldRefuseALongTextThatItCannotCut() {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.QUICKSTART)) {
            assertThatThrownBy(() -> parts(tokenizer, "x".repeat(TextCutter.WHOLE_CHARS_MAX + 100_000))).isInstanceOf(CallerException.class)
                    .hasMessageContaining("big.txt").hasMessageContaining("split it");
        }
    }

    @Test
    void shouldGiveAnEmptyDocumentOneEmptyPart() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.QUICKSTART)) {
            assertThat(parts(tokenizer, "")).containsExactly("");
        }
    }

    private static List<String> parts(Tokenizer tokenizer, String text) throws IOException {
        List<String> parts = new ArrayList<>();
        List<Boolean> ends = new ArrayList<>();
        new TextCutter(tokenizer).cut(new StringReader(text), Path.of("big.txt").toString(), (part, first, last) -> {
            assertThat(first).isEqualTo(parts.isEmpty());
            parts.add(part);
            ends.add(last);
        });
        assertThat(ends.getLast()).isTrue();
        assertThat(ends.subList(0, ends.size() - 1)).doesNotContain(true);
        return parts;
    }
}
