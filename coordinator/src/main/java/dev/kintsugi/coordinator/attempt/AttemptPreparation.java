package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ResumePoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Looks at storage before an attempt. Blocks; runs while nothing of the job writes there.
public final class AttemptPreparation {
    private AttemptPreparation() {}

    /// @param ranksByHost how many consecutive ranks each host will run
    /// @throws IOException if storage fails
    /// @throws IllegalArgumentException if the job itself can no longer run
    public static AttemptStart prepare(TrackedJob.Record record, List<Integer> ranksByHost) throws IOException {
        JobSpec spec = record.job().getSpec();
        Path output = Path.of(spec.getOutputDir());
        var checkpoints = new CheckpointDirectory(output);
        checkpoints.removeUncommitted();
        Path logDir = Files.createDirectories(logDirectory(spec, record.job().getGeneration()));
        ShardingChoice sharding = ShardingChoice.decide(spec, ranksByHost);
        return new AttemptStart(PlannedModel.of(record.modelConfigJson(), sharding.sharding()), sharding.explain(),
                resumePoint(checkpoints, record.resume()), logDir);
    }

    public static Path logDirectory(JobSpec spec, long generation) {
        return Path.of(spec.getOutputDir(), "logs", "generation-" + generation);
    }

    private static Optional<ResumePoint> resumePoint(CheckpointDirectory checkpoints, Optional<Path> asked) throws IOException {
        Optional<Committed> own = checkpoints.newest();
        if (own.isPresent()) { return own.map(c -> point(c.step(), c.directory())); }
        if (asked.isEmpty()) { return Optional.empty(); }
        return Optional.of(point(CheckpointDirectory.manifest(asked.get()).step(), asked.get()));
    }

    private static ResumePoint point(long step, Path directory) {
        return ResumePoint.newBuilder().setStep(step).setDirectory(directory.toString()).build();
    }
}
