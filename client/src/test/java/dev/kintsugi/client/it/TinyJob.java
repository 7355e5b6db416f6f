package dev.kintsugi.client.it;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A job small enough for tests: a Llama of 3 blocks whose rows do not divide by 3 or 4, on real text, 12 micro-batches a step.
record TinyJob(Path dir) {
    static TinyJob in(Path dir) throws IOException {
        Files.createDirectories(dir.resolve("tokenizer"));
        resource("tokenizer.json", dir.resolve("tokenizer/tokenizer.json"));
        resource("tokenizer_config.json", dir.resolve("tokenizer/tokenizer_config.json"));
        resource("english.txt", dir.resolve("all.txt"));
        String text = Files.readString(dir.resolve("all.txt"));
        Files.writeString(dir.resolve("text.txt"), text.substring(0, Math.min(text.length(), 120_000)));
        Files.writeString(dir.resolve("config.json"), """
                {"model_type": "llama", "hidden_size": 36, "intermediate_size": 50, "num_hidden_layers": 3, "num_attention_heads": 6,
                 "num_key_value_heads": 2, "vocab_size": 8192, "max_position_embeddings": 64, "rms_norm_eps": 1e-6}
                """);
        return new TinyJob(dir);
    }

    private static void resource(String name, Path to) throws IOException {
        try (InputStream in = TinyJob.class.getResourceAsStream("/dev/kintsugi/client/quickstart/" + name)) {
            Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /// Flags of `kintsugi train`, with these after them.
    List<String> train(Path output, int steps, String... more) {
        var flags = new ArrayList<>(List.of("train", "--config_name", dir.resolve("config.json").toString(), "--tokenizer_name",
                dir.resolve("tokenizer").toString(), "--dataset_name", dir.resolve("text.txt").toString(), "--output_dir", output.toString(),
                "--max_length", "32", "--per_device_train_batch_size", "1", "--microbatches_per_step", "12", "--max_steps", Integer.toString(steps),
                "--learning_rate", "3e-3", "--lr_scheduler_type", "cosine", "--warmup_steps", "2", "--weight_decay", "0.1", "--save_steps", "4",
                "--seed", "7"));
        flags.addAll(List.of(more));
        return flags;
    }

    private static final Pattern TIMES = Pattern.compile(",\"step_seconds\".*");

    /// The lines of metrics.jsonl without what depends on the clock.
    static List<String> metrics(Path output) throws IOException {
        return Files.readAllLines(output.resolve("metrics.jsonl")).stream().map(l -> TIMES.matcher(l).replaceAll("")).toList();
    }

    static int metricsLines(Path output) {
        try {
            Path file = output.resolve("metrics.jsonl");
            return Files.exists(file) ? (int) Files.readString(file, StandardCharsets.UTF_8).lines().count() : 0;
        } catch (IOException e) {
            return 0;
        }
    }

    static boolean hasCheckpoint(Path output) throws IOException {
        if (!Files.isDirectory(output.resolve("checkpoints"))) { return false; }
        try (Stream<Path> steps = Files.list(output.resolve("checkpoints"))) {
            return steps.anyMatch(s -> Files.exists(s.resolve("manifest.json")));
        }
    }

    /// The bytes of the exported weights.
    static byte[] weights(Path output) throws IOException {
        Path export = output.resolveSibling(output.getFileName() + "-export");
        Cli.run(output.getParent(), "checkpoint", "export", output.toString(), "--output_dir", export.toString()).ok();
        return Files.readAllBytes(export.resolve("model.safetensors"));
    }
}
