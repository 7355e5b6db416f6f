package dev.kintsugi.worker.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.worker.cli.WorkerTools;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EstimateCommandTest {
    @TempDir
    Path directory;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void writeConfig() throws Exception {
        Files.writeString(directory.resolve("config.json"), """
                {"model_type": "llama", "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 6, "num_attention_heads": 4,
                 "vocab_size": 256, "max_position_embeddings": 128}""");
    }

    @Test
    void shouldPredictSecondsOfAllPhasesFromMeasuredRates() {
        assertThat(run("--world_size", "2", "--max_length", "64", "--bf16", "--json", "--warm_up_seconds", "0.3", "--measured_seconds", "0.2")).isZero();
        JsonNode estimate = new JsonMapper().readTree(out.toString());
        assertThat(estimate.get("memory").get("activations").asLong()).isPositive();
        double sum = 0;
        for (String phase : List.of("gather", "forward", "loss", "backward", "scatter", "norm", "optimizer")) {
            assertThat(estimate.get("seconds").get(phase).asDouble()).as(phase).isPositive();
            sum += estimate.get("seconds").get(phase).asDouble();
        }
        assertThat(estimate.get("step_seconds").asDouble()).isCloseTo(sum + estimate.get("seconds").get("waiting").asDouble(), within(1e-9));
        assertThat(estimate.get("tokens_per_second").asDouble()).isCloseTo(128 / estimate.get("step_seconds").asDouble(), within(1e-6));
    }

    @Test
    void shouldSayMemoryAndWorkWithoutMeasuring() {
        assertThat(run("--world_size", "4", "--max_length", "64", "--measure", "false")).isZero();
        assertThat(out.toString()).contains("4 ranks, 256 tokens a step", "optimizer state", "work of a rank").doesNotContain("time of a step");
    }

    @Test
    void shouldRefuseWhatDoesNotFitInOneSentence() {
        assertThat(run("--max_length", "256")).isEqualTo(1);
        assertThat(run("--world_size", "0", "--max_length", "64")).isEqualTo(2);
        assertThat(run("--activation_checkpointing", "some", "--max_length", "64")).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(3).satisfiesExactly(
                line -> assertThat(line).contains("--max_length=256 must be between 2 and max_position_embeddings=128"),
                line -> assertThat(line).contains("--world_size=0 must be at least 1"),
                line -> assertThat(line).contains("--activation_checkpointing=some is unknown; use none, selective or full"));
    }

    private int run(String... flags) {
        var line = new java.util.ArrayList<>(List.of("estimate", "--config_name", directory.toString()));
        line.addAll(List.of(flags));
        return WorkerTools.run(new PrintWriter(out, true), new PrintWriter(err, true), line.toArray(String[]::new));
    }
}
