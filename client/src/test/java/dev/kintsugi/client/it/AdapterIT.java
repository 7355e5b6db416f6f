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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/// LoRA from the command line to the files that PEFT reads. That these mean to PEFT what they mean here is `bench/lora_peft.py`'s to show.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterIT {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private Path model;

    @BeforeAll
    void trainAModel() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 2);
        Cli.run(dir, job.train(dir.resolve("base"), 1, "--coordinator", service.address())).ok();
        TinyJob.weights(dir.resolve("base"));
        model = dir.resolve("base-export");
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    @Test
    void shouldTrainResumeExportAndMerge() throws Exception {
        List<String> lora = List.of("--use_peft", "True", "--lora_r", "3", "--lora_target_modules", "q_proj,down_proj", "--bf16", "True",
                "--lora_modules_to_save", "lm_head", "--save_total_limit", "2");
        train("two", 8, 2, lora).ok();
        assertThat(Files.size(dir.resolve("two/checkpoints/step-00000004/model/shard-00001-model-00001-of-00001.safetensors")))
                .as("a checkpoint is of what is trained").isLessThan(Files.size(model.resolve("model.safetensors")) / 3);
        var resumed = new ArrayList<>(lora);
        resumed.addAll(List.of("--resume_from_checkpoint", dir.resolve("two/checkpoints/step-00000004").toString()));
        train("one", 8, 1, resumed).ok();
        assertThat(TinyJob.metrics(dir.resolve("one"))).isEqualTo(TinyJob.metrics(dir.resolve("two")).subList(4, 8));

        Path adapters = export("one", "adapters");
        assertThat(JSON.readTree(Files.readString(adapters.resolve("adapter_config.json"))).path("r").asInt()).isEqualTo(3);
        assertThat(adapters.resolve("config.json")).doesNotExist();
        Path merged = export("one", "merged", "--merge");
        assertThat(tokens(merged)).isEqualTo(tokens(model, "--adapter_name", adapters.toString())).isNotEqualTo(tokens(model));
        assertThat(tokens(model, "--adapter_name", adapters.toString(), "--use_adapters", "False")).isEqualTo(tokens(model));

        Path other = Files.createDirectories(dir.resolve("other"));
        for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) { Files.copy(model.resolve(name), other.resolve(name)); }
        byte[] changed = Files.readAllBytes(other.resolve("model.safetensors"));
        for (int i = 0; i < Float.BYTES; i++) { changed[changed.length / 2 + i] ^= 0x40; }        // of a block: the head is trained
        Files.write(other.resolve("model.safetensors"), changed);
        resumed.addAll(List.of("--model_name", other.toString()));
        Cli.Result refused = train("refused-base", 9, 1, resumed);
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains("other weights than --model_name");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --lora_target_modules | query_key_value | q_proj, k_proj
            --lora_target_modules | (q              | no regular expression
            --lora_modules_to_save| score           | lora_modules_to_save=score
            --lora_r              | 0               | lora_r=0
            --lora_dropout        | 1               | lora_dropout=1.0
            --adapter_name        | nowhere         | nowhere
            --use_peft            | False           | --lora_r
            """)
    void shouldRefuseInOneSentence(String flag, String value, String named) {
        Cli.Result refused = train("refused", 2, 2, List.of("--use_peft", "True", "--lora_r", "4", flag, value));
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err().strip().lines()).hasSize(1).allMatch(line -> line.contains(named));
        assertThat(dir.resolve("refused/metrics.jsonl")).doesNotExist();
    }

    private Path export(String output, String name, String... more) {
        var command = new ArrayList<>(List.of("checkpoint", "export", dir.resolve(output).toString(), "--output_dir", dir.resolve(name).toString()));
        command.addAll(List.of(more));
        Cli.run(dir, command).ok();
        return dir.resolve(name);
    }

    private static String tokens(Path model, String... more) {
        var command = new ArrayList<>(List.of("generate", "--model", model.toString(), "--prompt", "In the beginning", "--max_new_tokens", "12", "--json"));
        command.addAll(List.of(more));
        return JSON.readTree(Cli.run(dir, command).ok().out()).path("ids").toString();
    }

    private Cli.Result train(String name, int steps, int ranks, List<String> more) {
        List<String> command = new ArrayList<>(job.train(dir.resolve(name), steps, "--coordinator", service.address(), "--world_size",
                Integer.toString(ranks), "--model_name", model.toString()));
        int config = command.indexOf("--config_name");
        command.subList(config, config + 2).clear();
        for (int i = 0; i < more.size(); i += 2) {          // the last of a flag counts
            int at = command.indexOf(more.get(i));
            if (at >= 0) { command.subList(at, at + 2).clear(); }
            command.addAll(more.subList(i, i + 2));
        }
        return Cli.run(dir, command);
    }
}
