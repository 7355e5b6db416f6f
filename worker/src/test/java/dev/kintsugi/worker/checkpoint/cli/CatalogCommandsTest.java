package dev.kintsugi.worker.checkpoint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.worker.checkpoint.SavedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `list` and `prune`: which checkpoints there are, how good they are, and which may go.
class CatalogCommandsTest {
    @TempDir
    Path outputDir;

    private final CommandRun kintsugi = new CommandRun();

    /// Steps 10 and 20 verified, 30 damaged (a file is missing), 40 without a manifest, 50 verified, 60 committed, 70 found damaged.
    @BeforeEach
    void save() throws Exception {
        for (int step = 10; step <= 70; step += 10) { SavedModel.llama().save(outputDir, 2, step); }
        for (int step : new int[] {10, 20, 50}) { assertThat(kintsugi.run("checkpoint", "verify", step(step))).as(kintsugi.err()).isZero(); }
        Files.delete(step(30).resolve("model/shard-00002-model-00001-of-00001.safetensors"));
        Files.delete(step(40).resolve("manifest.json"));
        Files.move(step(70).resolve("manifest.json"), step(70).resolve("manifest.damaged.json"));
    }

    private Path step(int step) {
        return outputDir.resolve("checkpoints/step-%08d".formatted(step));
    }

    @Test
    void shouldListEveryStepWithItsState() {
        assertThat(kintsugi.run("checkpoint", "list", outputDir)).isZero();
        assertThat(kintsugi.out().lines()).hasSize(8);
        assertThat(kintsugi.out()).containsPattern("step +saved +size +ranks +strategy +state +version +directory")
                .containsPattern("10 +2026-11-2\\d \\d\\d:00:00 +\\S+ kB +2 +FULL_SHARD +verified +0.1.0 +step-00000010")
                .containsPattern("\n30 .* damaged +0.1.0")
                .containsPattern("\n40 +- +- +- +- +incomplete").containsPattern("\n60 .* committed ").containsPattern("\n70 +- .* damaged ");
        assertThat(kintsugi.err()).contains("step-00000030/model/shard-00002-model-00001-of-00001.safetensors is missing",
                "step-00000070 was found damaged when it was read back");
    }

    @Test
    void shouldListAsJson() {
        assertThat(kintsugi.run("checkpoint", "list", outputDir.resolve("checkpoints"), "--json")).isZero();
        JsonNode json = new JsonMapper().readTree(kintsugi.out());
        assertThat(json).hasSize(7);
        assertThat(json.get(0).get("state").asString()).isEqualTo("verified");
        assertThat(json.get(0).get("ranks").asInt()).isEqualTo(2);
        assertThat(json.get(0).get("verified_at").asString()).startsWith("20");
        assertThat(json.get(2).get("problem").asString()).endsWith("is missing");
        assertThat(json.get(3).get("state").asString()).isEqualTo("incomplete");
    }

    @Test
    void shouldDeleteOnlyWhatNewerVerifiedOnesReplace() {
        assertThat(kintsugi.run("checkpoint", "prune", outputDir, "--save_total_limit", "4")).isZero();
        assertThat(kintsugi.out()).isEqualTo("nothing to delete: 7 checkpoints, 3 of them verified, and 4 stay\n");
        assertThat(kintsugi.run("checkpoint", "prune", outputDir, "--save_total_limit", "2", "--dry_run")).isZero();
        assertThat(kintsugi.out()).startsWith("would delete " + step(10) + " (verified, ").hasLineCount(1);
        assertThat(step(10)).exists();
        assertThat(kintsugi.run("checkpoint", "prune", outputDir, "--save_total_limit", "1")).isZero();
        assertThat(kintsugi.out().lines()).hasSize(4).allMatch(l -> l.startsWith("deleted "));
        assertThat(outputDir.resolve("checkpoints")).isDirectoryContaining(p -> p.equals(step(50))).isDirectoryContaining(p -> p.equals(step(60)))
                .isDirectoryContaining(p -> p.equals(step(70)));
        assertThat(outputDir.resolve("checkpoints").toFile().list()).hasSize(3);
    }
}
