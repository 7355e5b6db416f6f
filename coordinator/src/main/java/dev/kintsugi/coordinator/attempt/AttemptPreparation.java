package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Looks at storage before an attempt. Blocks; runs while nothing of the job writes there.
public final class AttemptPreparation {
    private AttemptPreparation() {}

    /// @param ranksByHost how many consecutive ranks each host will run
    /// @throws IOException if storage fails
    /// @throws IllegalArgumentException if the job itself can no longer run
    public static AttemptStart prepare(TrackedJob.Record record, List<Integer> ranksByHost) throws IOException {
        Job job = record.job();
        var checkpoints = CheckpointDirectory.of(job.getSpec());
        boolean isFresh = job.getGeneration() <= 1 && record.resume().isEmpty();
        checkpoints.removeUncommitted(isFresh);
        Path logDir = Files.createDirectories(logDirectory(job.getSpec(), job.getGeneration()));
        ShardingChoice sharding = ShardingChoice.decide(job.getSpec(), ranksByHost);
        StartingPoint point = StartingPoint.find(checkpoints, record, isFresh);
        return new AttemptStart(PlannedModel.of(record.modelConfigJson(), job.getSpec(), sharding.sharding()), sharding.explain(), point.resume(),
                point.isReplaceable(), point.notes(), logDir);
    }

    public static Path logDirectory(JobSpec spec, long generation) {
        return Path.of(spec.getOutputDir(), "logs", "generation-" + generation);
    }
}
