package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

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

/// A model that is trained much too fast on little text, and evaluated on other text: its best evaluation is not its last.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EvaluationIT {
    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private Path data;

    @BeforeAll
    void split() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 2);
        data = Files.createDirectories(dir.resolve("data"));
        String text = Files.readString(dir.resolve("all.txt"));
        Files.writeString(data.resolve("train.txt"), text.substring(0, 8_000));
        Files.writeString(data.resolve("test.txt"), text.substring(200_000, 204_000));
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    @Test
    void shouldEvaluateWithTheSameBitsStopEarlyAndGiveTheBest() throws Exception {
        Cli.Result one = train("one", 1, "--load_best_model_at_end", "True", "--early_stopping_patience", "2", "--save_total_limit", "1").ok();
        List<JsonNode> metrics = evaluated("one");
        List<Double> losses = metrics.stream().map(m -> m.get("eval_loss").asDouble()).toList();
        int best = losses.indexOf(losses.stream().min(Double::compare).orElseThrow());
        assertThat(metrics).as("stopped two evaluations after the best").hasSize(best + 3);
        long bestStep = metrics.get(best).get("step").asLong();
        assertThat(one.out()).contains("stopped early after step %d: eval_loss was no better in 2 evaluations than".formatted(bestStep + 4), "eval_loss");
        assertThat(steps("one")).as("the newest and the best").containsExactly("step-%08d".formatted(bestStep), "step-%08d".formatted(bestStep + 4));
        Cli.Result export = Cli.run(dir, "checkpoint", "export", dir.resolve("one").toString(), "--output_dir", dir.resolve("best").toString()).ok();
        assertThat(export.out()).contains("exported step " + bestStep);

        // On two ranks, another sharding of the evaluation, from the best step on: the wait goes on where it was.
        Path from = dir.resolve("one/checkpoints/step-%08d".formatted(bestStep));
        train("two", 2, "--load_best_model_at_end", "True", "--early_stopping_patience", "2", "--resume_from_checkpoint", from.toString()).ok();
        List<String> all = TinyJob.metrics(dir.resolve("one"));
        assertThat(TinyJob.metrics(dir.resolve("two"))).isEqualTo(all.subList((int) bestStep, all.size()));
    }

    private Cli.Result train(String name, int ranks, String... more) {
        List<String> command = new ArrayList<>(job.train(dir.resolve(name), 24, "--coordinator", service.address(), "--world_size", Integer.toString(ranks)));
        for (String replaced : List.of("--dataset_name", "--learning_rate")) {
            int first = command.indexOf(replaced);
            command.subList(first, first + 2).clear();
        }
        command.addAll(List.of("--dataset_name", data.toString(), "--splits", "train,test", "--learning_rate", "3e-2", "--eval_strategy", "steps",
                "--eval_steps", "2", "--per_device_eval_batch_size", "5"));
        command.addAll(List.of(more));
        return Cli.run(dir, command);
    }

    private static List<JsonNode> evaluated(String name) throws Exception {
        return Files.readAllLines(dir.resolve(name).resolve("metrics.jsonl")).stream().map(new JsonMapper()::readTree).filter(m -> m.has("eval_loss")).toList();
    }

    private static List<String> steps(String name) throws Exception {
        try (var list = Files.list(dir.resolve(name).resolve("checkpoints"))) {
            return list.map(p -> p.getFileName().toString()).filter(n -> n.startsWith("step-")).sorted().toList();
        }
    }
}
