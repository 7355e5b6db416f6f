package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/// Turns what was submitted into what will run, or refuses it. Reads shared storage; leaves nothing behind on it.
public final class JobAdmission {
    /// @param spec with every default filled in
    /// @param modelConfigJson verbatim; later attempts use this text, whatever becomes of the file
    /// @param parameters elements that are trained
    /// @param resume directory of the checkpoint to start from
    public record Admitted(JobSpec spec, String modelConfigJson, long parameters, Optional<StoragePath> resume) {
        public Path outputDir() {
            return Path.of(spec.getOutputDir());
        }
    }

    private JobAdmission() {}

    /// @throws InvalidJobException one sentence naming the flag or file and what to do
    public static Admitted admit(JobSpec given) {
        JobSpecRules.check(given);
        var output = new OutputDirectory(given.getOutputDir());
        Path configFile = configFile(given);
        String json = SharedPath.readText(configFlag(given), configFile);
        ModelConfig config = parse(json, configFile);
        var adapters = AdapterFields.of(given, ModelSpec.of(config));
        ModelSpec trained = adapters.trained();
        checkTokenizer(given);
        DatasetPath.check(given);
        CheckpointPlace place = CheckpointPlace.of(given, output);
        Optional<ResumeFacts> resume = ResumeCheck.check(given, place, trained);
        JobSpec spec = JobSpecDefaults.fill(adapters.spec(), config.maxPositionEmbeddings(), resume).toBuilder()
                .setOutputDir(output.path().toString()).setCheckpointDir(place.path().text()).build();
        output.checkWritable();
        if (!given.getCheckpointDir().isEmpty()) { place.checkWritable(); }
        DiskCheck.check(spec, place, trained, resume.map(ResumeFacts::step).orElse(0L));
        return new Admitted(spec, json, trained.numel(), resume.map(ResumeFacts::directory));
    }

    private static String configFlag(JobSpec spec) {
        return spec.getModelName().isEmpty() ? "--config_name" : "--model_name";
    }

    private static Path configFile(JobSpec spec) {
        if (spec.getModelName().isEmpty()) { return SharedPath.fileOrIn("--config_name", spec.getConfigName(), "config.json"); }
        Path directory = SharedPath.directory("--model_name", spec.getModelName());
        Path config = SharedPath.fileOrIn("--model_name", spec.getModelName(), "config.json");
        require(holdsWeights(directory), "--model_name=%s holds no *.safetensors; name a directory with weights, or pass"
                + " --config_name to start from scratch", spec.getModelName());
        return config;
    }

    private static boolean holdsWeights(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.anyMatch(f -> f.getFileName().toString().endsWith(".safetensors"));
        } catch (IOException | UncheckedIOException e) {
            throw new InvalidJobException("--model_name=%s cannot be listed (%s); check its permissions".formatted(directory,
                    e.getMessage()));
        }
    }

    private static ModelConfig parse(String json, Path file) {
        try {
            return ModelConfigParser.parse(json, file.toString());
        } catch (IllegalArgumentException e) {
            throw new InvalidJobException(e.getMessage());
        }
    }

    private static void checkTokenizer(JobSpec spec) {
        boolean own = !spec.getTokenizerName().isEmpty();
        SharedPath.fileOrIn(own ? "--tokenizer_name" : "--model_name", own ? spec.getTokenizerName() : spec.getModelName(),
                "tokenizer.json");
    }
}
