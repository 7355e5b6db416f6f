package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A model with one infinite weight, of a token that the second and the sixth step have in their text and the others have not.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DivergenceIT {
    private static final int TOKEN = 521;       // " public"

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private Path model;

    @BeforeAll
    void poison() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 2);
        Path output = dir.resolve("healthy");
        Cli.run(dir, job.train(output, 1, "--coordinator", service.address())).ok();
        TinyJob.weights(output);
        model = dir.resolve("healthy-export");
        setInfinite(model.resolve("model.safetensors"));
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    @Test
    void shouldStopBeforeItIsAppliedAndNameTheFirstBadResult() {
        Cli.Result failed = train("stopped", 6, 2);
        assertThat(failed.status()).isEqualTo(1);
        assertThat(failed.err()).contains("step 2 is not finite (loss=NaN grad_norm=NaN) and was not applied",
                "micro-batch 2, forward of embedding, embedding with model.embed_tokens.weight: 1 of ", "that weight is not finite itself");
    }

    @Test
    void shouldSkipSuchStepsWithTheSameBitsOnAnyNumberOfRanksAndAcrossAResume() throws Exception {
        train("one", 7, 1, "--on_divergence", "skip").ok();
        List<String> metrics = TinyJob.metrics(dir.resolve("one"));
        assertThat(metrics).hasSize(7);
        for (int step = 1; step <= 7; step++) {
            assertThat(metrics.get(step - 1).contains("\"loss\":null,\"grad_norm\":null")).as("step %d", step).isEqualTo(step == 2 || step == 6);
        }
        Path checkpoint = dir.resolve("one/checkpoints/step-00000004");
        JsonNode manifest = new JsonMapper().readTree(Files.readString(checkpoint.resolve("manifest.json")));
        assertThat(manifest.at("/training/skipped_steps").asInt()).isEqualTo(1);
        train("two", 7, 2, "--on_divergence", "skip", "--resume_from_checkpoint", checkpoint.toString()).ok();
        assertThat(TinyJob.metrics(dir.resolve("two"))).isEqualTo(metrics.subList(4, 7));
    }

    /// Back to the last step after step 2, where there is no checkpoint yet, and to that of step 4 after step 6; each time at half the rate.
    @Test
    void shouldRollBackAndGoOnAtALowerRateWithTheSameBitsOnAnyNumberOfRanks() throws Exception {
        Cli.Result one = train("back", 8, 1, "--on_divergence", "rollback").ok();
        assertThat(one.out() + one.err()).contains("there is no checkpoint yet, so it goes on from the step before, with 0.5 times the schedule's rate",
                "went back to the checkpoint of step 4, with 0.25 times the schedule's rate");
        List<String> metrics = TinyJob.metrics(dir.resolve("back"));
        for (int k = 2; k < 8; k++) {
            double cosine = 3e-3 * 0.5 * (1 + Math.cos(Math.PI * (k - 2) / 6));
            assertThat(new JsonMapper().readTree(metrics.get(k) + "}").get("learning_rate").asDouble() / cosine).as("step %d", k + 1)
                    .isCloseTo(k < 6 ? 0.5 : 0.25, within(1e-9));
        }
        JsonNode manifest = new JsonMapper().readTree(Files.readString(dir.resolve("back/checkpoints/step-00000008/manifest.json")));
        assertThat(manifest.at("/training/rate_factor").asDouble()).isEqualTo(0.25);
        assertThat(manifest.at("/training/skipped_steps").asInt()).as("2, and 5 and 6, which were undone").isEqualTo(3);
        train("back-two", 8, 2, "--on_divergence", "rollback").ok();
        assertThat(TinyJob.metrics(dir.resolve("back-two"))).isEqualTo(metrics);
        assertThat(TinyJob.weights(dir.resolve("back-two"))).isEqualTo(TinyJob.weights(dir.resolve("back")));
    }

    private Cli.Result train(String name, int steps, int ranks, String... more) {
        List<String> command = new ArrayList<>(job.train(dir.resolve(name), steps, "--coordinator", service.address(), "--world_size",
                Integer.toString(ranks), "--model_name", model.toString()));
        int config = command.indexOf("--config_name");
        command.subList(config, config + 2).clear();
        command.addAll(List.of(more));
        return Cli.run(dir, command);
    }

    private static void setInfinite(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        ByteBuffer bytes = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        int header = Math.toIntExact(bytes.getLong(0));
        JsonNode embedding = new JsonMapper().readTree(content, 8, header).get("model.embed_tokens.weight");
        int row = embedding.at("/shape/1").asInt() * Float.BYTES;
        bytes.putFloat(8 + header + embedding.at("/data_offsets/0").asInt() + TOKEN * row, Float.POSITIVE_INFINITY);
        Files.write(file, content);
    }
}
