package dev.kintsugi.coordinator.job;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;

/// What a job's checkpoints will take on storage. Pure.
///
/// @param checkpointBytes of one
/// @param checkpoints to be written that will exist at once, the one that is being written included
/// @param why how that number came about, for people
record DiskNeed(long checkpointBytes, long checkpoints, String why) {
    // In the header of each rank's files each tensor has its name, shape and offsets, twice.
    private static final int HEADER_BYTES_PER_TENSOR = 400;
    // A CRC-32C in hex for each MiB.
    private static final int DIGEST_BYTES_PER_MIB = 10;

    /// @param spec with its defaults filled in
    /// @param fromStep the step that the job goes on from
    /// @param existing committed checkpoints that are there already, which later ones will replace where there is a limit
    static DiskNeed of(JobSpec spec, ModelSpec model, long fromStep, int existing) {
        return of(spec, bytes(model, OptimizerSettings.of(spec).state(), spec.getWorldSize()), fromStep, existing);
    }

    private static long bytes(ModelSpec model, OptimizerState optimizer, int worldSize) {
        long state = Math.multiplyExact(Float.BYTES, model.numel()) + optimizer.bytes(model);
        long headers = (long) worldSize * model.parameters().size() * (1 + optimizer.slots().size()) * HEADER_BYTES_PER_TENSOR;
        return state + headers + (state >> 20) * DIGEST_BYTES_PER_MIB;
    }

    private static DiskNeed of(JobSpec spec, long bytes, long fromStep, int existing) {
        if (spec.getSaveStrategy().equals("no")) { return new DiskNeed(bytes, 0, "none is saved"); }
        long saves = saves(spec, fromStep);
        if (!spec.hasSaveTotalLimit()) {
            return saves == Long.MAX_VALUE ? new DiskNeed(bytes, 1, "the first one") : new DiskNeed(bytes, saves, "all are kept");
        }
        long best = spec.getLoadBestModelAtEnd() ? 1 : 0;
        long atOnce = Math.max(1, spec.getSaveTotalLimit() + 1L + best - existing);
        return saves <= atOnce ? new DiskNeed(bytes, saves, "all that are planned")
                : new DiskNeed(bytes, atOnce, "--save_total_limit=%d and the one being written%s%s".formatted(spec.getSaveTotalLimit(),
                        best == 0 ? "" : ", and the best",
                        existing == 0 ? "" : ", less those that are there"));
    }

    /// How many will be written at most; the largest number there is where the number of steps is not known.
    private static long saves(JobSpec spec, long fromStep) {
        boolean best = spec.getLoadBestModelAtEnd();
        if (!spec.hasMaxSteps() && (best || spec.getSaveSteps() > 0) || best && spec.getEvalStrategy().equals("epoch")) { return Long.MAX_VALUE; }
        return planned(spec, fromStep) + (best ? Math.max(0, (spec.getMaxSteps() - fromStep) / spec.getEvalSteps()) : 0);
    }

    private static long planned(JobSpec spec, long fromStep) {
        if (spec.getSaveSteps() == 0) { return 1; }
        // At every multiple of save_steps, and at the end.
        return Math.ceilDiv(spec.getMaxSteps(), spec.getSaveSteps()) - fromStep / spec.getSaveSteps();
    }

    long bytes() {
        return Math.multiplyExact(checkpointBytes, checkpoints);
    }
}
