package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
    @TempDir
    Path directory;

    @Test
    void shouldKnowItsSizeAndSpecialTokens() {
        try (Tokenizer bpe = Tokenizer.open(Fixtures.QUICKSTART); Tokenizer unigram = Tokenizer.open(Fixtures.UNIGRAM)) {
            assertThat(bpe.vocabSize()).isEqualTo(8192);
            assertThat(bpe.eosId()).hasValue(0);
            assertThat(bpe.prefix()).isEmpty();
            assertThat(unigram.vocabSize()).isEqualTo(300);
            assertThat(unigram.bosId()).hasValue(1);
            assertThat(unigram.eosId()).hasValue(2);
            assertThat(unigram.prefix()).containsExactly(1);
            assertThat(unigram.suffix()).containsExactly(2);
        }
    }

    @Test
    void shouldNeitherTruncateNorPad() {
        try (Tokenizer unigram = Tokenizer.open(Fixtures.UNIGRAM)) {
            assertThat(unigram.encode("of ".repeat(1000), false)).hasSizeGreaterThanOrEqualTo(1000);
            assertThat(unigram.encode("of", false)).hasSizeLessThan(3);
        }
    }

    @Test
    void shouldReplaceHalfASurrogatePair() {
        try (Tokenizer bpe = Tokenizer.open(Fixtures.QUICKSTART)) {
            assertThat(bpe.encode("a\ud800b\udc00", false)).containsExactly(bpe.encode("a\uFFFDb\uFFFD", false));
            assertThat(bpe.decode(bpe.encode("𠮷", false))).isEqualTo("𠮷");
        }
    }

    @Test
    void shouldFindEosInConfigJsonWhenNoOtherFileNamesIt() throws IOException {
        Files.copy(Fixtures.QUICKSTART.resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        assertThat(eos()).isEmpty();
        Files.writeString(directory.resolve("config.json"), "{\"eos_token_id\": [7, 8]}");
        assertThat(eos()).hasValue(7);
        Files.writeString(directory.resolve("special_tokens_map.json"), "{\"eos_token\": \"<|pad|>\"}");
        assertThat(eos()).hasValue(1);
    }

    private OptionalInt eos() {
        try (Tokenizer tokenizer = Tokenizer.open(directory.resolve("tokenizer.json"))) {
            return tokenizer.eosId();
        }
    }

    @Test
    void shouldNameTheFileThatIsMissing() {
        assertThatThrownBy(() -> Tokenizer.open(directory)).isInstanceOf(CallerException.class)
                .hasMessageContaining(directory.resolve("tokenizer.json").toString()).hasMessageContaining("no such file");
    }

    @Test
    void shouldNameTheFileThatIsMalformed() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        for (String bad : new String[] {"", "{\"model\":", "[]", "{\"hello\": 1}", "\u0000\u0001", "{\"model\": {\"type\": \"BPE\", \"vocab\": 3}}"}) {
            Files.writeString(file, bad);
            assertThatThrownBy(() -> Tokenizer.open(directory)).as(bad).isInstanceOf(CallerException.class).hasMessageContaining(file.toString());
        }
        Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe});
        assertThatThrownBy(() -> Tokenizer.open(directory)).isInstanceOf(CallerException.class).hasMessageContaining("not a UTF-8");
    }

    @Test
    void shouldRefuseAnEosTokenThatIsNone() throws IOException {
        Files.copy(Fixtures.QUICKSTART.resolve("tokenizer.json"), directory.resolve("tokenizer.json"));
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"</the end>\"}");
        assertThatThrownBy(() -> Tokenizer.open(directory)).isInstanceOf(CallerException.class)
                .hasMessageContaining("eos_token=</the end>").hasMessageContaining("tokenizer_config.json");
        Files.writeString(directory.resolve("tokenizer_config.json"), "{");
        assertThatThrownBy(() -> Tokenizer.open(directory)).isInstanceOf(CallerException.class).hasMessageContaining("not valid JSON");
    }
}
