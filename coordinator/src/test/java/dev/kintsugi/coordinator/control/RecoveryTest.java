package dev.kintsugi.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RecoveryTest {
    private static final Job RUNNING = Job.newBuilder().setJobId("j").setState(JobState.RUNNING).setGeneration(3).setStep(37)
            .setLastCheckpointStep(25).build();

    @Test
    void shouldRequeueARunningJobAtItsLastCheckpoint() {
        Recovery recovery = recover(RUNNING, false);
        Job job = recovery.record().job();
        assertThat(job.getState()).isEqualTo(JobState.QUEUED);
        assertThat(job.getStep()).isEqualTo(25);
        assertThat(job.getMessage()).contains("going on from step 25");
        assertThat(recovery.stale()).contains(new AttemptId("j", 3));
    }

    @Test
    void shouldFinishACancellationThatWasUnderWay() {
        Job stopping = RUNNING.toBuilder().setState(JobState.STOPPING).build();
        Recovery recovery = recover(stopping, true);
        assertThat(recovery.record().job().getState()).isEqualTo(JobState.CANCELLED);
        assertThat(recovery.record().job().hasEndedAt()).isTrue();
        assertThat(recovery.stale()).isPresent();
    }

    @Test
    void shouldLeaveEndedJobsAsTheyAre() {
        Job failed = RUNNING.toBuilder().setState(JobState.FAILED).build();
        assertThat(recover(failed, false).record().job()).isEqualTo(failed);
        assertThat(recover(failed, false).stale()).isEmpty();
    }

    @Test
    void shouldKeepAJobQueuedThatNeverStarted() {
        Job queued = Job.newBuilder().setJobId("j").setState(JobState.QUEUED).setMessage("queued").build();
        assertThat(recover(queued, false)).isEqualTo(new Recovery(record(queued, false), Optional.empty()));
    }

    private static Recovery recover(Job job, boolean cancelled) {
        return Recovery.of(record(job, cancelled), Instant.ofEpochSecond(1));
    }

    private static TrackedJob.Record record(Job job, boolean cancelled) {
        return new TrackedJob.Record(job, "{}", Optional.empty(), cancelled);
    }
}
