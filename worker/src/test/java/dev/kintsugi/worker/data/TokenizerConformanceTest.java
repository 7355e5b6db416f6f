package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Ids and texts equal those of the Python library, made by src/test/python/tokenizer_fixtures.py.
class TokenizerConformanceTest {
    private static final JsonMapper JSON = new JsonMapper();

    @Test
    void shouldGiveThePythonLibrarysIdsWithByteLevelBpe() throws IOException {
        check(Fixtures.QUICKSTART, "bpe.jsonl", false);
    }

    @Test
    void shouldGiveThePythonLibrarysIdsWithUnigramAndSpecialTokens() throws IOException {
        check(Fixtures.UNIGRAM, "unigram.jsonl", true);
    }

    private static void check(Path directory, String fixtures, boolean addSpecialTokens) throws IOException {
        List<String> lines = Files.readAllLines(Fixtures.TOKENIZER.resolve(fixtures));
        assertThat(lines).hasSizeGreaterThan(250);
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            for (String line : lines) {
                JsonNode fixture = JSON.readTree(line);
                String text = new String(Base64.getDecoder().decode(fixture.path("bytes").asString()), StandardCharsets.UTF_8);
                int[] expected = fixture.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
                assertThat(tokenizer.encode(text, addSpecialTokens)).as(line).containsExactly(expected);
                assertThat(tokenizer.decode(expected)).as(line).isEqualTo(fixture.path("decoded").asString());
            }
        }
    }
}
