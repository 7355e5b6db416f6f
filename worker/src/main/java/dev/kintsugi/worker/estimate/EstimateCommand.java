package dev.kintsugi.worker.estimate;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.estimate.PhaseRates;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.failure.CallerException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `kintsugi estimate`.
@Command(name = "estimate", mixinStandardHelpOptions = true,
        description = "Say what a training job will need: memory, operations, bytes moved and, from rates measured on this machine, seconds by phase.",
        footer = {"", "All ranks are taken to be on this machine; more ranks than cores share them. Measuring trains a few blocks of the model for a quarter",
                "of a minute, on at most one rank a core.", "", "Example:",
                "  kintsugi estimate --config_name config.json --world_size 2 --max_length 512 --per_device_train_batch_size 4 --bf16 True"})
public final class EstimateCommand implements Callable<Integer> {
    @Option(names = {"--config_name", "--model_name"}, required = true, paramLabel = "PATH", description = "config.json, or a directory that holds one.")
    private Path model;

    @Option(names = "--world_size", defaultValue = "1", paramLabel = "N", description = "Ranks (default: ${DEFAULT-VALUE}).")
    private int worldSize;

    @Option(names = "--sharding_strategy", defaultValue = "FULL_SHARD", paramLabel = "NAME",
            description = "FULL_SHARD (default), SHARD_GRAD_OP, NO_SHARD or HYBRID_SHARD.")
    private String strategy;

    @Option(names = "--hybrid_shard_size", paramLabel = "N", description = "Ranks that hold a copy of the model with HYBRID_SHARD.")
    private Integer hybridShardSize;

    @Option(names = {"--max_length", "--max_seq_len"}, defaultValue = "1024", paramLabel = "N",
            description = "Tokens of a sample (default: ${DEFAULT-VALUE}).")
    private int maxLength;

    @Option(names = "--per_device_train_batch_size", defaultValue = "1", paramLabel = "N",
            description = "Samples of a micro-batch (default: ${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--gradient_accumulation_steps", defaultValue = "1", paramLabel = "N",
            description = "Micro-batches of a rank in a step (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--bf16", arity = "0..1", defaultValue = "false", fallbackValue = "true", paramLabel = "True|False",
            description = "Compute in bf16 (default: False).")
    private boolean bf16;

    @Option(names = "--activation_checkpointing", defaultValue = "selective", paramLabel = "KIND", description = "none, selective (default) or full.")
    private String checkpointing;

    @Option(names = "--measure", arity = "0..1", defaultValue = "true", fallbackValue = "true", paramLabel = "True|False",
            description = "Measure this machine's rates and predict seconds; False leaves them out (default: True).")
    private boolean measure;

    @Option(names = "--warm_up_seconds", defaultValue = "10", paramLabel = "X", description = "Before measuring (default: ${DEFAULT-VALUE}).")
    private double warmUpSeconds;

    @Option(names = "--measured_seconds", defaultValue = "6", paramLabel = "X", description = "To measure for (default: ${DEFAULT-VALUE}).")
    private double measuredSeconds;

    @Option(names = "--json", description = "Print one line of JSON.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        Workload job = job();
        int cores = Runtime.getRuntime().availableProcessors();
        PhaseRates measured = measure ? Calibration.measure(job, cores, warmUpSeconds, measuredSeconds) : null;
        var estimate = new Estimate(job, measured, cores);
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? estimate.json() + "\n" : estimate.text());
        out.flush();
        return 0;
    }

    private Workload job() {
        atLeastOne("--world_size", worldSize);
        atLeastOne("--per_device_train_batch_size", batch);
        atLeastOne("--gradient_accumulation_steps", rounds);
        ModelConfig config = config();
        if (maxLength < 2 || maxLength > config.maxPositionEmbeddings()) {
            throw new CallerException("--max_length=%d must be between 2 and max_position_embeddings=%d of %s".formatted(maxLength,
                    config.maxPositionEmbeddings(), model));
        }
        return new Workload(config, sharding(), rounds, batch, maxLength, bf16 ? DType.BF16 : DType.F32, kept());
    }

    private Sharding sharding() {
        try {
            return Sharding.of(ShardingStrategy.valueOf(strategy), worldSize, hybridShardSize == null ? worldSize : hybridShardSize);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), ("--sharding_strategy=%s with --hybrid_shard_size=%s does not cut %d ranks; use FULL_SHARD, "
                    + "SHARD_GRAD_OP, NO_SHARD, or HYBRID_SHARD with a divisor of the ranks").formatted(strategy, hybridShardSize, worldSize), e);
        }
    }

    private void atLeastOne(String flag, int value) {
        if (value < 1) { throw new ParameterException(spec.commandLine(), "%s=%d must be at least 1".formatted(flag, value)); }
    }

    private ActivationCheckpointing kept() {
        try {
            return ActivationCheckpointing.of(checkpointing);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--activation_checkpointing=%s is unknown; use none, selective or full"
                    .formatted(checkpointing), e);
        }
    }

    private ModelConfig config() {
        Path file = Files.isDirectory(model) ? model.resolve("config.json") : model;
        try {
            return ModelConfigParser.parse(Files.readString(file), file.toString());
        } catch (IOException e) {
            throw new CallerException("--config_name=%s: cannot read %s (%s); name a config.json or a directory that holds one".formatted(model, file, e), e);
        } catch (IllegalArgumentException e) {
            throw new CallerException(e.getMessage(), e);
        }
    }
}
