package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.LoadMode;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import java.nio.file.Path;
import java.util.Optional;

/// Fills every default of a spec, so that what runs is written down; but for those that follow from what is in the data. Pure.
final class JobSpecDefaults {
    static final int MAX_LENGTH = 1024;
    static final double LEARNING_RATE = 5e-5;
    static final String SCHEDULE = "linear";

    private JobSpecDefaults() {}

    /// @param maxPositions of the model; the longest sample it takes
    /// @param resume the checkpoint to go on from; settings that must not change take its values when the spec gives none
    /// @throws InvalidJobException if the batch or the ranks do not divide, a sample is too long, or the checkpoint disagrees
    static JobSpec fill(JobSpec given, int maxPositions, Optional<ResumeFacts> resume) {
        var spec = given.toBuilder();
        fillNames(spec);
        fillOptimizer(spec);
        fillReporting(spec);
        fillPlacement(spec);
        fillBatch(spec, maxPositions, resume);
        EvaluationRules.fill(spec);
        resume.ifPresent(r -> r.checkAgrees(spec.build()));
        return spec.build();
    }

    private static void fillNames(JobSpec.Builder spec) {
        if (spec.getName().isEmpty()) { spec.setName(String.valueOf(Path.of(spec.getOutputDir()).getFileName())); }
        if (spec.getTokenizerName().isEmpty()) { spec.setTokenizerName(spec.getModelName()); }
        if (spec.getDatasetTextField().isEmpty()) { spec.setDatasetTextField("text"); }
        if (!spec.hasAppendConcatToken()) { spec.setAppendConcatToken(true); }
        if (spec.getPacking() && spec.getPackingStrategy().isEmpty()) { spec.setPackingStrategy("bfd"); }
        if (!spec.hasAssistantOnlyLoss()) { spec.setAssistantOnlyLoss(false); }
        if (!spec.hasTrainSamplingStrategy()) { spec.setTrainSamplingStrategy("random"); }
        if (spec.getLoad() == LoadMode.LOAD_MODE_UNSPECIFIED) { spec.setLoad(LoadMode.SCATTER); }
        if (!spec.hasMaxSteps() && !spec.hasNumTrainEpochs()) { spec.setNumTrainEpochs(1); }
    }

    private static void fillOptimizer(JobSpec.Builder spec) {
        if (!spec.hasLearningRate()) { spec.setLearningRate(LEARNING_RATE); }
        if (!spec.hasLrSchedulerType()) { spec.setLrSchedulerType(SCHEDULE); }
        if (!spec.hasWarmupRatio()) { spec.setWarmupRatio(0); }
        if (!spec.hasWeightDecay()) { spec.setWeightDecay(0); }
        if (!spec.hasAdamBeta1()) { spec.setAdamBeta1(0.9); }
        if (!spec.hasAdamBeta2()) { spec.setAdamBeta2(0.999); }
        if (!spec.hasAdamEpsilon()) { spec.setAdamEpsilon(1e-8); }
        if (!spec.hasMaxGradNorm()) { spec.setMaxGradNorm(1); }
        if (!spec.hasOnDivergence()) { spec.setOnDivergence("stop"); }
        if (spec.getOnDivergence().equals("skip") && !spec.hasDivergenceBudget()) { spec.setDivergenceBudget(3); }
        if (!spec.hasLabelSmoothingFactor()) { spec.setLabelSmoothingFactor(0); }
        if (!spec.hasOptim()) { spec.setOptim("adamw_torch"); }
        if (!spec.hasSeed()) { spec.setSeed(42); }
        if (!spec.hasGradientCheckpointing()) { spec.setGradientCheckpointing(false); }
        if (!spec.hasActivationCheckpointing()) {
            ActivationCheckpointing kept = spec.getGradientCheckpointing() ? ActivationCheckpointing.FULL : ActivationCheckpointing.SELECTIVE;
            spec.setActivationCheckpointing(kept.flag());
        }
        if (!spec.hasBf16()) { spec.setBf16(false); }
    }

    private static void fillReporting(JobSpec.Builder spec) {
        if (!spec.hasLoggingSteps()) { spec.setLoggingSteps(10); }
        if (!spec.hasSaveStrategy()) { spec.setSaveStrategy("steps"); }
        if (!spec.hasSaveSteps()) { spec.setSaveSteps(500); }
        if (!spec.hasIgnoreDiskCheck()) { spec.setIgnoreDiskCheck(false); }
    }

    private static void fillPlacement(JobSpec.Builder spec) {
        if (!spec.hasWorldSize()) { spec.setWorldSize(1); }
        if (spec.getShardingStrategy() == ShardingStrategy.SHARDING_STRATEGY_UNSPECIFIED) { spec.setShardingStrategy(ShardingStrategy.FULL_SHARD); }
        require(!spec.hasHybridShardSize() || spec.getWorldSize() % spec.getHybridShardSize() == 0,
                "--hybrid_shard_size=%d does not divide --world_size=%d; pass a divisor of it, or leave it out for the ranks of one host",
                spec.getHybridShardSize(), spec.getWorldSize());
        if (!spec.hasThreads()) { spec.setThreads(1); }
        if (!spec.hasMaxRestarts()) { spec.setMaxRestarts(3); }
        if (!spec.hasDdpTimeout()) { spec.setDdpTimeout(1800); }
    }

    private static void fillBatch(JobSpec.Builder spec, int maxPositions, Optional<ResumeFacts> resume) {
        if (!spec.hasMaxLength()) {
            spec.setMaxLength(resume.map(ResumeFacts::maxLength).orElse(Math.min(MAX_LENGTH, maxPositions)));
        }
        require(spec.getMaxLength() <= maxPositions,
                "--max_length=%d is more than the model's max_position_embeddings=%d; pass at most that", spec.getMaxLength(),
                maxPositions);
        if (!spec.hasPerDeviceTrainBatchSize()) {
            spec.setPerDeviceTrainBatchSize(resume.map(ResumeFacts::perDeviceTrainBatchSize).orElse(1));
        }
        fillMicrobatches(spec, resume);
    }

    private static void fillMicrobatches(JobSpec.Builder spec, Optional<ResumeFacts> resume) {
        int worldSize = spec.getWorldSize();
        if (!spec.hasMicrobatchesPerStep()) {
            boolean fromCheckpoint = resume.isPresent() && !spec.hasGradientAccumulationSteps();
            spec.setMicrobatchesPerStep(fromCheckpoint ? resume.get().microbatchesPerStep()
                    : multiply(worldSize, Math.max(1, spec.getGradientAccumulationSteps())));
        }
        int microbatches = spec.getMicrobatchesPerStep();
        require(microbatches % worldSize == 0,
                "--microbatches_per_step=%d is not a multiple of --world_size=%d; pass a multiple, or another number of ranks",
                microbatches, worldSize);
        int perRank = microbatches / worldSize;
        require(!spec.hasGradientAccumulationSteps() || spec.getGradientAccumulationSteps() == perRank,
                "--gradient_accumulation_steps=%d with --world_size=%d disagrees with --microbatches_per_step=%d; pass only one of them",
                spec.getGradientAccumulationSteps(), worldSize, microbatches);
        spec.setGradientAccumulationSteps(perRank);
    }

    private static int multiply(int worldSize, int accumulation) {
        long total = (long) worldSize * accumulation;
        require(total <= Integer.MAX_VALUE, "--gradient_accumulation_steps=%d is too large for --world_size=%d", accumulation,
                worldSize);
        return (int) total;
    }
}
