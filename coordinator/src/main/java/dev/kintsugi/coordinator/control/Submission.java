package dev.kintsugi.coordinator.control;

import dev.kintsugi.coordinator.job.InvalidJobException;
import dev.kintsugi.coordinator.job.JobAdmission.Admitted;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.Transport;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// Checks of a new job that need the cluster's state, and its first record. Pure.
final class Submission {
    private Submission() {}

    /// @param unfinished jobs that are queued or run
    /// @param slotsMax the most slots that one host has; empty while there is no host
    /// @throws InvalidJobException if the job collides with another one or could never start
    static void check(Admitted admitted, List<Job> unfinished, Optional<Integer> slotsMax) {
        for (Job other : unfinished) {
            if (other.getSpec().getOutputDir().equals(admitted.spec().getOutputDir())) {
                throw new InvalidJobException("--output_dir=%s is in use by job %s; cancel that one or name another directory"
                        .formatted(admitted.spec().getOutputDir(), other.getJobId()));
            }
            if (other.getSpec().getCheckpointDir().equals(admitted.spec().getCheckpointDir())) {
                throw new InvalidJobException("--checkpoint_dir=%s is in use by job %s; cancel that one or name another directory"
                        .formatted(admitted.spec().getCheckpointDir(), other.getJobId()));
            }
        }
        int worldSize = admitted.spec().getWorldSize();
        if (admitted.spec().getTransport() == Transport.SHM && slotsMax.isPresent() && slotsMax.get() < worldSize) {
            throw new InvalidJobException(("--transport shm needs all %d ranks on one host, and the largest has %d slots; pass"
                    + " --transport aeron, or a smaller --world_size").formatted(worldSize, slotsMax.get()));
        }
    }

    static TrackedJob.Record record(String jobId, Admitted admitted, Instant now) {
        var job = Job.newBuilder().setJobId(jobId).setSpec(admitted.spec()).setState(JobState.QUEUED).setMessage("queued")
                .setMaxSteps(admitted.spec().getMaxSteps()).setParameters(admitted.parameters())
                .setSubmittedAt(TrackedJob.timestamp(now));
        return new TrackedJob.Record(job.build(), admitted.modelConfigJson(), admitted.resume(), false);
    }
}
