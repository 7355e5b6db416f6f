package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerationTest {
    private static final int POSITIONS = 96;

    @TempDir
    Path directory;

    @Test
    void shouldStopAfterAnyOfTheConfiguredEndTokens() throws IOException {
        Path copy = ModelFixture.copyTo(directory.resolve("model"));
        int stop = ModelFixture.expected().path("stop").asInt();
        int[] whole = ModelFixture.ints(ModelFixture.expected().path("continuations").path(1).path("ids"));
        for (String eos : List.of("" + stop, "[319, " + stop + "]")) {
            Files.writeString(copy.resolve("generation_config.json"), "{\"eos_token_id\": " + eos + "}");
            int[] ids = continueGreedily(copy, "a", 40);
            assertThat(ids).startsWith(Arrays.copyOf(whole, ids.length)).hasSizeLessThan(whole.length).endsWith(stop);
            assertThat(Arrays.stream(ids, 2, ids.length - 1)).doesNotContain(stop);
        }
    }

    private static int[] continueGreedily(Path directory, String prompt, int maxNewTokens) {
        try (LoadedModel model = LoadedModel.open(directory, ComputeDtype.AUTO)) {
            return new Generation(maxNewTokens, new Sampler.Greedy()).generate(model, Generation.promptIds(model, prompt), _ -> {});
        }
    }

    @Test
    void shouldStopWhereTheModelsPositionsEnd() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.AUTO)) {
            Generation generation = new Generation(1000, new Sampler.Greedy());
            int[] prompt = Generation.promptIds(model, "In the beginning");
            List<Integer> told = new ArrayList<>();
            int[] ids = generation.generate(model, prompt, told::add);
            assertThat(ids).hasSize(POSITIONS).startsWith(prompt);
            assertThat(told).hasSize(POSITIONS - prompt.length);
            assertThat(generation.isCutShort(model, prompt, ids)).isTrue();
            assertThat(new Generation(3, new Sampler.Greedy()).isCutShort(model, prompt, Arrays.copyOf(ids, prompt.length + 3))).isFalse();
        }
    }

    @Test
    void shouldGiveTheSameTextForTheSameSeedOnly() {
        assertThat(sample(7)).isEqualTo(sample(7));
        assertThat(sample(7)).isNotEqualTo(sample(8));
    }

    private static int[] sample(long seed) {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.AUTO)) {
            return new Generation(30, new Sampler.Random(1, 50, 0.9, seed)).generate(model, Generation.promptIds(model, "a"), _ -> {});
        }
    }

    @Test
    void shouldRefuseAPromptThatLeavesNoRoom() {
        try (LoadedModel model = LoadedModel.open(ModelFixture.DIRECTORY, ComputeDtype.AUTO)) {
            assertThatThrownBy(() -> Generation.promptIds(model, "!".repeat(POSITIONS))).isInstanceOf(CallerException.class)
                    .hasMessageContaining("max_position_embeddings=96").hasMessageContaining("by 2 tokens");
            assertThat(Generation.promptIds(model, "!".repeat(POSITIONS - 2))).hasSize(POSITIONS - 1);
        }
    }

    @Test
    void shouldRefuseAnEmptyPromptOnlyWithoutATokenToStartFrom() throws IOException {
        Path copy = ModelFixture.copyTo(directory.resolve("model"));
        String json = Files.readString(copy.resolve("tokenizer.json")).replaceFirst("(?s)\"post_processor\": \\{.*?\\n  },", "\"post_processor\": null,");
        Files.writeString(copy.resolve("tokenizer.json"), json);
        assertThat(promptIds(copy, "")).containsExactly(0);
        Files.writeString(copy.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        assertThat(promptIds(copy, "")).as("config.json has a bos_token_id").containsExactly(0);
        String config = Files.readString(copy.resolve("config.json")).replaceAll("\"(bos|eos)_token_id\"", "\"$1\"");
        Files.writeString(copy.resolve("config.json"), config);
        Files.delete(copy.resolve("generation_config.json"));
        assertThat(promptIds(copy, "")).containsExactly(1);
        Files.writeString(copy.resolve("tokenizer_config.json"), "{}");
        assertThatThrownBy(() -> promptIds(copy, "")).isInstanceOf(CallerException.class).hasMessageContaining("--prompt is empty");
        assertThat(promptIds(copy, "a")).hasSize(1);
    }

    private static int[] promptIds(Path directory, String prompt) {
        try (LoadedModel model = LoadedModel.open(directory, ComputeDtype.AUTO)) {
            return Generation.promptIds(model, prompt);
        }
    }
}
