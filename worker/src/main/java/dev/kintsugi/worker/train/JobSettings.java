package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.DataMemory;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.RateShape;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.data.SampleOrder;
import dev.kintsugi.worker.data.SampleSettings;
import dev.kintsugi.worker.optim.LearningRateSchedule;
import java.nio.file.Path;
import java.util.Optional;

/// The numbers a run is made of, from a job spec whose defaults the coordinator has filled in.
///
/// @param microbatches M, of all ranks together, a step
/// @param batch B, samples of a micro-batch
/// @param length T, tokens of a sample, at most
record JobSettings(JobSpec spec, int worldSize, int microbatches, int batch, int length) {
    static JobSettings of(JobSpec spec, int worldSize) {
        int microbatches = spec.hasMicrobatchesPerStep() ? spec.getMicrobatchesPerStep()
                : worldSize * spec.getGradientAccumulationSteps();
        if (microbatches % worldSize != 0) {
            throw new IllegalArgumentException("microbatches_per_step=%d is not a multiple of world_size=%d".formatted(microbatches, worldSize));
        }
        return new JobSettings(spec, worldSize, microbatches, spec.getPerDeviceTrainBatchSize(), spec.getMaxLength());
    }

    Path outputDir() {
        return Path.of(spec.getOutputDir());
    }

    /// Micro-batches that one rank computes a step.
    int rounds() {
        return microbatches / worldSize;
    }

    long samplesPerStep() {
        return (long) microbatches * batch;
    }

    /// 0: load, check, report and end.
    ///
    /// @param from any point of the run
    long maxSteps(long samples, Progress from) {
        if (spec.hasMaxSteps()) { return spec.getMaxSteps(); }
        return Math.max(1, from.stepsAt((long) Math.ceil(spec.getNumTrainEpochs() * samples), samplesPerStep()));
    }

    SampleSettings samples() {
        return new SampleSettings(spec.getDatasetTextField(), length, spec.getAppendConcatToken(),
                spec.hasAddSpecialTokens() ? Optional.of(spec.getAddSpecialTokens()) : Optional.empty(),
                spec.hasPacking() ? Optional.of(spec.getPacking()) : Optional.empty(), spec.getPackingStrategy(),
                spec.hasCompletionOnlyLoss() ? Optional.of(spec.getCompletionOnlyLoss()) : Optional.empty(), spec.getAssistantOnlyLoss(),
                spec.getChatTemplateFormat(), spec.getChatTemplatePath());
    }

    SampleOrder.Sampling sampling() {
        return spec.getTrainSamplingStrategy().equals("sequential") ? SampleOrder.Sampling.SEQUENTIAL : SampleOrder.Sampling.RANDOM;
    }

    LearningRateSchedule schedule(long maxSteps) {
        return new LearningRateSchedule(RateShape.of(spec.getLrSchedulerType(), spec.getLrSchedulerKwargs(), spec.getLearningRate()),
                spec.getLearningRate(),
                LearningRateSchedule.warmupSteps(spec.getWarmupSteps(), spec.getWarmupRatio(), maxSteps), maxSteps);
    }

    OptimizerSettings optimizer() {
        return OptimizerSettings.of(spec);
    }

    /// What the optimizer keeps.
    OptimizerState state() {
        return optimizer().state();
    }

    /// Of values and of gathered weights.
    DType dtype() {
        return spec.getBf16() ? DType.BF16 : DType.F32;
    }

    ActivationCheckpointing checkpointing() {
        return ActivationCheckpointing.of(spec.getActivationCheckpointing());
    }

    boolean saves() {
        return !spec.getSaveStrategy().equals("no");
    }

    /// Whether to go on without a step that is not finite.
    boolean skipsDivergence() {
        return spec.getOnDivergence().equals("skip");
    }

    /// Not counting the end, where there is always one.
    boolean saveDueAfter(long step) {
        return saves() && spec.getSaveSteps() > 0 && step % spec.getSaveSteps() == 0;
    }

    /// Whether there is an evaluation.
    boolean evaluates() {
        return DataMemory.evaluates(spec);
    }

    /// Samples of a micro-batch that is evaluated.
    int evaluationBatch() {
        return spec.hasPerDeviceEvalBatchSize() ? spec.getPerDeviceEvalBatchSize() : batch;
    }

    /// @param index 0: the split to train on, 1: the one to evaluate on
    /// @return its name; empty: all files
    String split(int index) {
        String[] names = spec.getSplits().split(",");
        return index < names.length ? names[index].strip() : "";
    }

    /// Where checkpoints go; all ranks reach it.
    StoragePath checkpointDir() {
        if (!spec.getCheckpointDir().isEmpty()) { return StoragePath.of(spec.getCheckpointDir()); }
        return StoragePath.of(outputDir().resolve(CheckpointLayout.CHECKPOINTS));
    }
}
