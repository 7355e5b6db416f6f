package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.TrainingPosition;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a model is, as Hugging Face's `README.md` has it: where it comes from, on what and how it was trained, and the run's picture where it is at hand.
///
/// @param picture the loss curve, copied beside it
record ModelCard(String text, Optional<Path> picture) {
    private static final String PICTURE = "loss.png";
    private static final Set<String> PATHS = Set.of("model_name", "config_name", "tokenizer_name", "dataset_name", "eval_dataset_name", "chat_template_path");
    /// Where a run was, and not what it made.
    private static final Set<String> ELSEWHERE = Set.of("name", "output_dir", "checkpoint_dir", "resume_from_checkpoint", "ignore_disk_check", "save_steps",
            "save_strategy", "save_total_limit", "logging_steps", "max_restarts", "ddp_timeout", "peak_tflops", "transport", "load", "threads");

    static ModelCard of(Manifest manifest) {
        JsonNode job = new JsonMapper().readTree(manifest.jobConfigJson());
        Optional<Path> picture = Optional.of(job.path("output_dir").asString("")).filter(d -> !d.isEmpty()).map(d -> Path.of(d, PICTURE))
                .filter(Files::isReadable);
        return new ModelCard(text(manifest, job, picture.isPresent()), picture);
    }

    void write(ExportDirectory into) {
        into.write("README.md", text);
        picture.ifPresent(p -> into.copy(p, PICTURE));
    }

    private static String text(Manifest manifest, JsonNode job, boolean picture) {
        boolean scratch = job.path("model_name").asString("").isEmpty();
        String name = job.path("name").asString("");
        TrainingPosition training = manifest.training();
        return """
                ---
                library_name: transformers
                pipeline_tag: text-generation
                tags: [kintsugi]
                ---
                # %s

                %s, trained %swith Kintsugi %s on `%s`: %s.%s
                %s
                ## Flags

                ```yaml
                %s
                ```
                """.formatted(name.isEmpty() ? "A model" : name, parameters(manifest), scratch ? "from scratch " : "on from `%s` ".formatted(
                        last(job.path("model_name").asString())), manifest.origin().kintsugiVersion(), last(job.path("dataset_name").asString("")),
                progress(training), evaluation(training), picture ? "\n![loss curve](%s)\n".formatted(PICTURE) : "", flags(job));
    }

    private static String parameters(Manifest manifest) {
        long numel = manifest.parameters().stream().mapToLong(p -> p.shape().stream().reduce(1L, Math::multiplyExact)).sum();
        return String.format(Locale.ROOT, "%,d parameters", numel);
    }

    private static String progress(TrainingPosition t) {
        return String.format(Locale.ROOT, "%,d steps, %,d samples, %,d tokens", t.step(), t.samplesSeen(), t.tokensSeen());
    }

    private static String evaluation(TrainingPosition t) {
        return t.best().map(b -> String.format(Locale.ROOT, " The best evaluation was after step %,d, with a loss of %.4f%s.", b.step(), b.metric(),
                b.step() == t.step() ? "; this is that model" : "")).orElse("");
    }

    /// As a job file has them, which YAML reads; of paths the last part.
    private static String flags(JsonNode job) {
        return job.properties().stream().filter(e -> !ELSEWHERE.contains(e.getKey())).map(ModelCard::flag).collect(Collectors.joining("\n"));
    }

    private static String flag(Map.Entry<String, JsonNode> field) {
        JsonNode value = field.getValue();
        return "%s: %s".formatted(field.getKey(), PATHS.contains(field.getKey()) ? "\"%s\"".formatted(last(value.asString())) : value);
    }

    private static String last(String path) {
        Path name = Path.of(path).getFileName();
        return name == null ? path : name.toString();
    }
}
