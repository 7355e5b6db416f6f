package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.proto.v1.Transport;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.RateShape;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import java.util.Arrays;
import java.util.List;

/// What can be said about a spec without looking at storage. Pure. Absent fields pass: their defaults are right.
final class JobSpecRules {
    private static final int WORLD_SIZE_MAX = 1 << 16;
    private static final List<String> ON_DIVERGENCE = List.of("stop", "skip");
    private static final List<String> SAVE_STRATEGIES = List.of("steps", "no");
    private static final List<String> CHAT_FORMATS = List.of("none", "openassistant", "chatml", "zephyr", "llama2");
    private static final List<String> PACKING = List.of("bfd", "wrapped");
    private static final List<String> SAMPLING = List.of("random", "sequential");
    private static final List<String> CHECKPOINTING = Arrays.stream(ActivationCheckpointing.values()).map(ActivationCheckpointing::flag).toList();

    private JobSpecRules() {}

    /// @throws InvalidJobException for the first rule that `spec` breaks
    static void check(JobSpec spec) {
        checkNames(spec);
        checkBatch(spec);
        checkLength(spec);
        checkOptimizer(spec);
        checkDivergence(spec);
        checkMemory(spec);
        checkReporting(spec);
        checkPlacement(spec);
        checkData(spec);
        EvaluationRules.check(spec);
    }

    private static void checkNames(JobSpec spec) {
        require(!spec.getOutputDir().isEmpty(), "--output_dir is missing; name a directory on storage that every host shares");
        require(!spec.getDatasetName().isEmpty(), "--dataset_name is missing; name a file, a directory or a glob");
        boolean weights = !spec.getModelName().isEmpty();
        boolean scratch = !spec.getConfigName().isEmpty();
        require(weights || scratch,
                "neither --model_name nor --config_name is given; pass --model_name DIR to go on from weights,"
                        + " or --config_name FILE to start from scratch");
        require(!weights || !scratch,
                "--model_name=%s and --config_name=%s exclude each other; pass --model_name to go on from weights,"
                        + " or --config_name to start from scratch",
                spec.getModelName(), spec.getConfigName());
        require(weights || !spec.getTokenizerName().isEmpty(),
                "--config_name needs --tokenizer_name; name the directory that holds tokenizer.json");
    }

    private static void checkBatch(JobSpec spec) {
        atLeast("--world_size", spec.hasWorldSize(), spec.getWorldSize(), 1);
        require(spec.getWorldSize() <= WORLD_SIZE_MAX, "--world_size=%d must be at most %d", spec.getWorldSize(), WORLD_SIZE_MAX);
        atLeast("--per_device_train_batch_size", spec.hasPerDeviceTrainBatchSize(), spec.getPerDeviceTrainBatchSize(), 1);
        atLeast("--gradient_accumulation_steps", spec.hasGradientAccumulationSteps(), spec.getGradientAccumulationSteps(), 1);
        atLeast("--microbatches_per_step", spec.hasMicrobatchesPerStep(), spec.getMicrobatchesPerStep(), 1);
        atLeast("--max_length", spec.hasMaxLength(), spec.getMaxLength(), 2);
    }

    private static void checkLength(JobSpec spec) {
        atLeast("--max_steps", spec.hasMaxSteps(), spec.getMaxSteps(), 0);
        double epochs = spec.getNumTrainEpochs();
        require(!spec.hasNumTrainEpochs() || Double.isFinite(epochs) && epochs > 0,
                "--num_train_epochs=%s must be above 0", epochs);
    }

    private static void checkOptimizer(JobSpec spec) {
        inRange("--learning_rate", spec.hasLearningRate(), spec.getLearningRate(), 0, Double.MAX_VALUE);
        checkNamed(spec);
        inRange("--warmup_ratio", spec.hasWarmupRatio(), spec.getWarmupRatio(), 0, 1);
        inRange("--warmup_steps", spec.hasWarmupSteps(), spec.getWarmupSteps(), 0, Integer.MAX_VALUE);
        require(spec.getWarmupSteps() < 1 || spec.getWarmupSteps() == Math.rint(spec.getWarmupSteps()),
                "--warmup_steps=%s is neither a whole number of steps nor a ratio below 1", spec.getWarmupSteps());
        inRange("--weight_decay", spec.hasWeightDecay(), spec.getWeightDecay(), 0, Double.MAX_VALUE);
        below1("--adam_beta1", spec.hasAdamBeta1(), spec.getAdamBeta1());
        below1("--adam_beta2", spec.hasAdamBeta2(), spec.getAdamBeta2());
        require(!spec.hasAdamEpsilon() || Double.isFinite(spec.getAdamEpsilon()) && spec.getAdamEpsilon() > 0,
                "--adam_epsilon=%s must be above 0", spec.getAdamEpsilon());
        inRange("--max_grad_norm", spec.hasMaxGradNorm(), spec.getMaxGradNorm(), 0, Double.MAX_VALUE);
    }

    /// The optimizer and the schedule, with their own arguments.
    private static void checkNamed(JobSpec spec) {
        try {
            OptimizerSettings.of(spec);
            RateShape.of(spec.hasLrSchedulerType() ? spec.getLrSchedulerType() : JobSpecDefaults.SCHEDULE, spec.getLrSchedulerKwargs(),
                    spec.hasLearningRate() ? spec.getLearningRate() : JobSpecDefaults.LEARNING_RATE);
        } catch (IllegalArgumentException e) {
            throw new InvalidJobException(e.getMessage());
        }
    }

    private static void checkDivergence(JobSpec spec) {
        require(!spec.hasOnDivergence() || ON_DIVERGENCE.contains(spec.getOnDivergence()), "--on_divergence=%s is unknown; use one of %s",
                spec.getOnDivergence(), String.join(", ", ON_DIVERGENCE));
        atLeast("--divergence_budget", spec.hasDivergenceBudget(), spec.getDivergenceBudget(), 1);
        require(!spec.hasDivergenceBudget() || spec.getOnDivergence().equals("skip"),
                "--divergence_budget=%d is for --on_divergence skip alone; pass that too, or leave it out", spec.getDivergenceBudget());
    }

    private static void checkMemory(JobSpec spec) {
        String kept = spec.getActivationCheckpointing();
        require(!spec.hasActivationCheckpointing() || CHECKPOINTING.contains(kept), "--activation_checkpointing=%s is unknown; use one of %s",
                kept, String.join(", ", CHECKPOINTING));
        boolean full = !spec.hasActivationCheckpointing() || kept.equals(ActivationCheckpointing.FULL.flag());
        require(!spec.getGradientCheckpointing() || full,
                "--gradient_checkpointing True means --activation_checkpointing full, not %s; leave one of them out", kept);
    }

    private static void checkReporting(JobSpec spec) {
        atLeast("--logging_steps", spec.hasLoggingSteps(), spec.getLoggingSteps(), 1);
        atLeast("--save_steps", spec.hasSaveSteps(), spec.getSaveSteps(), 0);
        require(!spec.hasSaveStrategy() || SAVE_STRATEGIES.contains(spec.getSaveStrategy()), "--save_strategy=%s is unknown; use one of %s",
                spec.getSaveStrategy(), String.join(", ", SAVE_STRATEGIES));
        require(!spec.hasPeakTflops() || Double.isFinite(spec.getPeakTflops()) && spec.getPeakTflops() > 0,
                "--peak_tflops=%s must be above 0; leave it out to have it measured", spec.getPeakTflops());
        atLeast("--save_total_limit", spec.hasSaveTotalLimit(), spec.getSaveTotalLimit(), 1);
    }

    private static void checkPlacement(JobSpec spec) {
        atLeast("--threads", spec.hasThreads(), spec.getThreads(), 1);
        atLeast("--max_restarts", spec.hasMaxRestarts(), spec.getMaxRestarts(), 0);
        atLeast("--ddp_timeout", spec.hasDdpTimeout(), spec.getDdpTimeout(), 1);
        require(spec.getTransport() != Transport.UNRECOGNIZED, "--transport=%d is unknown; use shm or aeron", spec.getTransportValue());
        checkSharding(spec);
    }

    private static void checkSharding(JobSpec spec) {
        ShardingStrategy strategy = spec.getShardingStrategy();
        require(strategy != ShardingStrategy.UNRECOGNIZED,
                "--sharding_strategy=%d is unknown; use FULL_SHARD, SHARD_GRAD_OP, NO_SHARD or HYBRID_SHARD", spec.getShardingStrategyValue());
        atLeast("--hybrid_shard_size", spec.hasHybridShardSize(), spec.getHybridShardSize(), 1);
        require(!spec.hasHybridShardSize() || strategy == ShardingStrategy.HYBRID_SHARD,
                "--hybrid_shard_size=%d is for --sharding_strategy HYBRID_SHARD alone; pass that too, or leave it out", spec.getHybridShardSize());
    }

    private static void checkData(JobSpec spec) {
        String format = spec.getChatTemplateFormat();
        require(format.isEmpty() || CHAT_FORMATS.contains(format), "--chat_template_format=%s is unknown; use one of %s, or leave it out for the"
                + " tokenizer's own template", format, String.join(", ", CHAT_FORMATS));
        require(format.isEmpty() || spec.getChatTemplatePath().isEmpty(), "--chat_template_format=%s and --chat_template_path=%s exclude each"
                + " other; pass one of them", format, spec.getChatTemplatePath());
        below1("--label_smoothing_factor", spec.hasLabelSmoothingFactor(), spec.getLabelSmoothingFactor());
        String packing = spec.getPackingStrategy();
        require(packing.isEmpty() || PACKING.contains(packing), "--packing_strategy=%s is unknown; use one of %s", packing, String.join(", ", PACKING));
        require(packing.isEmpty() || spec.getPacking() || packing.equals("wrapped") && !spec.hasPacking(), "--packing_strategy=%s is for --packing True;"
                + " pass that too, or leave it out", packing);
        require(!spec.hasTrainSamplingStrategy() || SAMPLING.contains(spec.getTrainSamplingStrategy()),
                "--train_sampling_strategy=%s is unknown; use one of %s", spec.getTrainSamplingStrategy(), String.join(", ", SAMPLING));
    }

    static void atLeast(String flag, boolean present, long value, long least) {
        require(!present || value >= least, "%s=%d must be at least %d", flag, value, least);
    }

    private static void inRange(String flag, boolean present, double value, double least, double most) {
        require(!present || Double.isFinite(value) && value >= least && value <= most,
                most == Double.MAX_VALUE ? "%s=%s must be a number of at least %s" : "%s=%s must be between %s and %s",
                flag, value, plain(least), plain(most));
    }

    private static void below1(String flag, boolean present, double value) {
        require(!present || value >= 0 && value < 1, "%s=%s must be at least 0 and below 1", flag, value);
    }

    private static String plain(double value) {
        return value == Math.rint(value) ? "%.0f".formatted(value) : Double.toString(value);
    }
}
