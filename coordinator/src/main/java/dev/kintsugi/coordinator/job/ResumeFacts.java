package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.storage.StoragePath;

/// What a job repeats of the checkpoint that it goes on from. It must repeat the sizes that the data position counts in; the number of ranks and that of
/// micro-batches a step may differ.
///
/// @param directory of the checkpoint
/// @param microbatchesPerStep of all ranks together, unless the job says otherwise
/// @param maxLength tokens of a sample
/// @param perDeviceTrainBatchSize samples of a micro-batch
/// @param optimizer whose state it has
record ResumeFacts(StoragePath directory, long step, int microbatchesPerStep, int maxLength, int perDeviceTrainBatchSize, OptimizerState optimizer) {
    /// @throws InvalidJobException naming the flag and the value to pass
    void checkAgrees(JobSpec spec) {
        agree("--max_length", spec.getMaxLength(), maxLength);
        agree("--per_device_train_batch_size", spec.getPerDeviceTrainBatchSize(), perDeviceTrainBatchSize);
        OptimizerState wanted = OptimizerSettings.of(spec).state();
        require(wanted.equals(optimizer), "--optim asks for %s and %s has the state of %s; pass the --optim and --optim_args that it was saved with",
                wanted.describe(), directory, optimizer.describe());
        require(!spec.hasMaxSteps() || spec.getMaxSteps() >= step,
                "--max_steps=%d is less than the step=%d of %s; pass at least that", spec.getMaxSteps(), step, directory);
    }

    private void agree(String flag, int given, int recorded) {
        require(given == recorded, "%s=%d disagrees with the checkpoint %s, which was trained with %d; pass %s %d", flag, given,
                directory, recorded, flag, recorded);
    }
}
