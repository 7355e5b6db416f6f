package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Each mistake is one clear sentence and an exit status, without a stack trace and without anything left half-written.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BadInputIT {
    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;

    @BeforeAll
    void start() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 2);
        Files.writeString(dir.resolve("malformed.json"), "{\"model_type\": ");
        Files.writeString(dir.resolve("gpt2.json"), "{\"model_type\": \"gpt2\"}");
        Files.writeString(dir.resolve("yarn.json"), Files.readString(dir.resolve("config.json")).replace("\"vocab_size\"",
                "\"rope_scaling\": {\"rope_type\": \"yarn\"}, \"vocab_size\""));
        Files.writeString(dir.resolve("short.txt"), "too short");
        Files.writeString(dir.resolve("broken.jsonl"), "{\"text\": \"fine\"}\n{\"text\": \n");
        Files.writeString(dir.resolve("robot.jsonl"), "{\"messages\": [{\"role\": \"robot\", \"content\": \"x\"}]}\n");
        Files.writeString(dir.resolve("half.csv"), "prompt,completion\na,b\na\n");
        Files.createDirectories(dir.resolve("badtok"));
        Files.writeString(dir.resolve("badtok/tokenizer.json"), "{}");
        Files.writeString(dir.resolve("file"), "not a directory");
        weights("truncated", new byte[] {9, 0, 0, 0, 0, 0, 0, 0, '{'});
        weights("hostile", new byte[] {-1, -1, -1, -1, -1, -1, -1, 127, '{', '}'});
    }

    private void weights(String name, byte[] content) throws IOException {
        Path model = Files.createDirectories(dir.resolve(name));
        Files.copy(dir.resolve("config.json"), model.resolve("config.json"));
        Files.copy(dir.resolve("tokenizer/tokenizer.json"), model.resolve("tokenizer.json"));
        Files.write(model.resolve("model.safetensors"), content);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    /// The flag takes the place of the tiny job's own.
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --config_name                 | nowhere.json   | 1 | nowhere.json
            --config_name                 | malformed.json | 1 | malformed.json
            --config_name                 | gpt2.json      | 1 | model_type=gpt2
            --config_name                 | yarn.json      | 1 | rope_type=yarn
            --tokenizer_name              | nowhere        | 1 | nowhere
            --tokenizer_name              | badtok         | 1 | badtok
            --dataset_name                | nowhere/*.txt  | 1 | nowhere
            --dataset_name                | short.txt      | 1 | max_length
            --dataset_name                | broken.jsonl   | 1 | broken.jsonl:2
            --dataset_name                | robot.jsonl    | 1 | no chat template
            --dataset_name                | half.csv       | 1 | half.csv:3
            --eval_strategy               | steps          | 1 | --eval_dataset_name
            --eval_dataset_name           | nowhere        | 1 | --eval_strategy
            --chat_template_format        | alpaca         | 1 | chatml
            --microbatches_per_step       | 13             | 1 | microbatches_per_step=13
            --max_length                  | 65             | 1 | max_length
            --max_length                  | x              | 2 | max_length
            --learning_rat                | 1              | 2 | --learning_rate
            --fsdp_sharding_strategy      | SHARD          | 2 | SHARD_GRAD_OP
            --hybrid_shard_size           | 2              | 1 | HYBRID_SHARD
            --output_dir                  | file/below     | 1 | file
            """)
    void shouldRefuseInOneSentence(String flag, String value, int status, String named) throws Exception {
        Path output = dir.resolve("refused");
        List<String> arguments = replace(job.train(output, 2, "--coordinator", service.address(), "--world_size", "2"), flag, value);
        Cli.Result result = Cli.run(dir, arguments);
        assertOneSentence(result, status, named);
        assertThat(output.resolve("checkpoints")).doesNotExist();
        assertThat(output.resolve("metrics.jsonl")).doesNotExist();
        assertThat(service.ranks()).isEmpty();
    }

    @Test
    void shouldSayWhichRecordATemplateRefuses() throws Exception {
        List<String> arguments = replace(job.train(dir.resolve("refused-chat"), 2, "--coordinator", service.address()), "--dataset_name", "robot.jsonl");
        arguments.addAll(List.of("--chat_template_format", "zephyr"));
        assertOneSentence(Cli.run(dir, arguments), 1, "robot.jsonl:1: chat template zephyr, line 3");
        assertThat(dir.resolve("refused-chat/metrics.jsonl")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({"truncated", "hostile"})
    void shouldRefuseBrokenWeights(String model) throws Exception {
        assertOneSentence(Cli.run(dir, "generate", "--model", dir.resolve(model).toString(), "--prompt", "x", "--max_new_tokens", "1"), 1,
                "model.safetensors");
        List<String> arguments = new ArrayList<>(job.train(dir.resolve("refused-weights"), 2, "--coordinator", service.address()));
        int config = arguments.indexOf("--config_name");
        arguments.set(config, "--model_name");
        arguments.set(config + 1, dir.resolve(model).toString());
        assertOneSentence(Cli.run(dir, arguments), 1, "model.safetensors");
    }

    @Test
    void shouldNameTheShardThatWasAltered() throws Exception {
        Path output = dir.resolve("altered");
        Cli.run(dir, job.train(output, 2, "--coordinator", service.address(), "--world_size", "2")).ok();
        Path shard;
        try (Stream<Path> files = Files.walk(output)) {
            shard = files.filter(f -> f.toString().contains("/model/shard-00002")).findFirst().orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(shard);
        bytes[bytes.length - 5] ^= 1;
        Files.write(shard, bytes);
        assertOneSentence(Cli.run(dir, "checkpoint", "verify", output.toString()), 1, shard.getFileName().toString());
        assertOneSentence(Cli.run(dir, "checkpoint", "export", output.toString(), "--output_dir", dir.resolve("x").toString()), 1,
                shard.getFileName().toString());
        assertThat(dir.resolve("x")).doesNotExist();
        Cli.Result resumed = Cli.run(dir, job.train(output, 4, "--coordinator", service.address(), "--resume_from_checkpoint", "True"));
        assertOneSentence(resumed, 1, shard.getFileName().toString());
    }

    @Test
    void shouldSayWhenAPortIsInUse() throws Exception {
        String port = service.address().substring(service.address().indexOf(':') + 1);
        assertOneSentence(Cli.run(dir, "coordinator", "--port", port, "--state_dir", dir.resolve("other-state").toString()), 1, port);
    }

    private static List<String> replace(List<String> arguments, String flag, String value) {
        var replaced = new ArrayList<>(arguments);
        int at = replaced.indexOf(flag);
        if (at >= 0) {
            replaced.set(at + 1, value);
        } else {
            replaced.addAll(List.of(flag, value));
        }
        return replaced;
    }

    private static void assertOneSentence(Cli.Result result, int status, String named) {
        String all = result.out() + "\n---\n" + result.err();
        assertThat(result.status()).as(all).isEqualTo(status);
        List<String> errors = result.err().lines().filter(l -> l.matches("kintsugi( coordinator)?: .*")).toList();
        assertThat(errors).as(all).hasSize(1);
        assertThat(errors.getFirst()).contains(named);
        assertThat(all).doesNotContain("Exception").doesNotContain("\tat ");
    }
}
