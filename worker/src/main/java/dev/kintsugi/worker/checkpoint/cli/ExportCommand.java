package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.export.CheckpointExport;
import dev.kintsugi.worker.checkpoint.export.SavedAdapters;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.failure.CallerException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Command(name = "export",
        description = {"Join the shards of a checkpoint into a model directory that Hugging Face tools load.",
                "Of a job that trained adapters, a directory that PEFT loads, or with --merge the model with them merged into it."},
        footer = {"", "Examples:", "  kintsugi checkpoint export out --output_dir my-llama",
                "  kintsugi checkpoint export out/checkpoints/step-00000250 --output_dir my-llama --max_shard_size 2GB",
                "  kintsugi checkpoint export s3://models/run-7 --output_dir my-llama --dtype bfloat16",
                "  kintsugi checkpoint export lora-out --output_dir my-llama --merge"})
final class ExportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", converter = Location.class, description = "A checkpoint; or a checkpoints directory or an output_dir: the newest in it, or with --load_best_model_at_end the best.")
    private StoragePath dir;

    @Option(names = "--output_dir", required = true, paramLabel = "OUT", converter = Location.class,
            description = "Directory to make; must not exist or be empty.")
    private StoragePath outputDir;

    @Option(names = "--max_shard_size", defaultValue = "5GB", paramLabel = "SIZE",
            description = "Bytes of tensors in one file, like 500MB or 5GB; at most 50GB (default: ${DEFAULT-VALUE}).")
    private String maxShardSize;

    @Option(names = "--dtype", defaultValue = "float32", paramLabel = "TYPE",
            description = "float32, every bit as trained, or bfloat16, half the size, rounded to nearest even (default: ${DEFAULT-VALUE}).")
    private String dtype;

    @Option(names = "--tokenizer_name", paramLabel = "DIR",
            description = "Directory with tokenizer.json, or that file (default: the tokenizer of the job, if it is still there).")
    private Path tokenizer;

    @Option(names = "--merge", arity = "0..1", defaultValue = "false", fallbackValue = "true", paramLabel = "True|False",
            description = "Merge adapters into the model that they were trained on, in 32 bit.")
    private boolean merge;

    @Option(names = "--model_name", paramLabel = "DIR", description = "That model (default: the job's model_name). Needs --merge.")
    private Path base;

    @Option(names = "--json", description = "Print one JSON object instead of a sentence.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        PrintWriter err = spec.commandLine().getErr();
        return Interruption.guard(err, "what was written of the export was removed", () -> export(err));
    }

    private int export(PrintWriter err) {
        ElementType type = type();
        long maxBytes = ByteSize.parse(maxShardSize, "max_shard_size");
        CheckpointDirectory checkpoint = BestCheckpoint.orNewest(dir);
        Optional<Path> tokenizerPath = tokenizer != null ? Optional.of(tokenizer) : tokenizerOfJob(checkpoint);
        try (var progress = new ProgressLine(err)) {
            CheckpointExport.export(checkpoint, new CheckpointExport.Target(outputDir, tokenizerPath, maxBytes, type, base(checkpoint)), progress::show);
        }
        if (tokenizerPath.isEmpty()) {
            err.println("kintsugi: exported without a tokenizer, because the job's was not found; "
                    + "give one with --tokenizer_name DIR");
        }
        if (json) {
            spec.commandLine().getOut().println(new JsonMapper().createObjectNode().put("checkpoint", checkpoint.path().text())
                    .put("step", checkpoint.manifest().step()).put("output_dir", outputDir.text()).put("dtype", dtype)
                    .put("tokenizer", tokenizerPath.isPresent()));
        } else {
            spec.commandLine().getOut().printf("%s: exported step %d to %s%n", checkpoint.path(), checkpoint.manifest().step(), outputDir);
        }
        return 0;
    }

    private Optional<Path> base(CheckpointDirectory checkpoint) {
        if (!merge) {
            if (base != null) { throw new CallerException("--model_name=%s is where adapters are merged into; pass --merge too".formatted(base)); }
            return Optional.empty();
        }
        if (base != null) { return Optional.of(base); }
        String name = SavedAdapters.of(checkpoint.manifest()).map(SavedAdapters::baseModel).orElse("");
        if (!name.isEmpty() && !Files.isDirectory(Path.of(name))) {
            throw new CallerException("the model %s, on which the adapters were trained, is not there; say where it is with --model_name DIR".formatted(name));
        }
        return Optional.of(Path.of(name));
    }

    private ElementType type() {
        return switch (dtype) {
            case "float32" -> ElementType.F32;
            case "bfloat16" -> ElementType.BF16;
            default -> throw new CallerException("dtype=%s; give float32 or bfloat16".formatted(dtype));
        };
    }

    /// The job's tokenizer, or else that of the model it began with.
    private static Optional<Path> tokenizerOfJob(CheckpointDirectory checkpoint) {
        JsonNode job = new JsonMapper().readTree(checkpoint.manifest().jobConfigJson());
        for (String field : new String[] {"tokenizer_name", "model_name"}) {
            String name = job.path(field).asString("");
            if (name.isEmpty()) { continue; }
            Path path = Path.of(name);
            if (Files.isRegularFile(path) || Files.isRegularFile(path.resolve("tokenizer.json"))) { return Optional.of(path); }
        }
        return Optional.empty();
    }
}
