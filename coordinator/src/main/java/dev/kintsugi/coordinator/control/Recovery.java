package dev.kintsugi.coordinator.control;

import dev.kintsugi.coordinator.job.JobStates;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import java.time.Instant;
import java.util.Optional;

/// What becomes of a stored job when the coordinator starts. Pure.
///
/// @param record as it shall be from now on
/// @param stale the attempt of which ranks may still live on hosts that missed the coordinator's end
record Recovery(TrackedJob.Record record, Optional<AttemptId> stale) {
    static Recovery of(TrackedJob.Record stored, Instant now) {
        Job job = stored.job();
        if (JobStates.isTerminal(job.getState())) { return new Recovery(stored, Optional.empty()); }
        Optional<AttemptId> stale = job.getState() == JobState.QUEUED ? Optional.empty()
                : Optional.of(new AttemptId(job.getJobId(), job.getGeneration()));
        return new Recovery(new TrackedJob.Record(recovered(job, stored.cancelled(), now), stored.modelConfigJson(),
                stored.resume(), stored.cancelled()), stale);
    }

    private static Job recovered(Job job, boolean cancelled, Instant now) {
        var next = job.toBuilder().setStep(job.getLastCheckpointStep());
        if (cancelled) {
            return next.setState(JobState.CANCELLED).setMessage("cancelled").setEndedAt(TrackedJob.timestamp(now)).build();
        }
        if (job.getGeneration() == 0) { return next.build(); }
        return next.setState(JobState.QUEUED).setMessage("the coordinator restarted; going on from step %d when there are free slots"
                .formatted(job.getLastCheckpointStep())).build();
    }
}
