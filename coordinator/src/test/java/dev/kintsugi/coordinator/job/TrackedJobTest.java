package dev.kintsugi.coordinator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.WatchJobResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrackedJobTest {
    private final List<TrackedJob.Record> saved = new ArrayList<>();
    private final TrackedJob job = new TrackedJob(new TrackedJob.Record(
            Job.newBuilder().setJobId("j").setState(JobState.QUEUED).build(), "{}", Optional.empty(), false), saved::add);

    @Test
    void shouldStoreWhatItBecomesBeforeAnyoneSeesIt() throws InterruptedException {
        JobWatch watch = job.watch();
        assertThat(watch.take(0).getJob().getState()).isEqualTo(JobState.QUEUED);
        job.moveTo(JobState.STARTING, "2 ranks on a");
        assertThat(saved).extracting(r -> r.job().getMessage()).containsExactly("2 ranks on a");
        assertThat(watch.take(0).getJob()).isEqualTo(job.job());
    }

    @Test
    void shouldRefuseAStateThatMayNotFollow() {
        assertThatThrownBy(() -> job.moveTo(JobState.SUCCEEDED, "")).isInstanceOf(AssertionError.class);
        assertThat(saved).isEmpty();
    }

    @Test
    void shouldGiveASlowWatcherEveryStepInOneMessageAndTheNewestState() throws InterruptedException {
        JobWatch watch = job.watch();
        job.moveTo(JobState.STARTING, "");
        for (int step = 1; step <= 100; step++) {
            job.step(step(step));
        }
        WatchJobResponse news = watch.take(0);
        assertThat(news.getStepsList()).extracting(StepMetrics::getStep).hasSize(100).isSorted();
        assertThat(news.getJob().getStep()).isEqualTo(100);
        assertThat(watch.take(0)).isNull();
    }

    @Test
    void shouldNotRepeatStepsThatARestartRepeats() throws InterruptedException {
        JobWatch watch = job.watch();
        job.step(step(1));
        job.step(step(2));
        job.step(step(2));
        job.step(step(3));
        assertThat(watch.take(0).getStepsList()).extracting(StepMetrics::getStep).containsExactly(1L, 2L, 3L);
    }

    @Test
    void shouldKeepTheLastNotesOfAWatcherThatIsAway() throws InterruptedException {
        JobWatch watch = job.watch();
        for (int i = 0; i < JobWatch.NOTES_MAX + 5; i++) {
            job.note("note " + i);
        }
        List<String> notes = watch.take(0).getNotesList();
        assertThat(notes).hasSize(JobWatch.NOTES_MAX).startsWith("note 5").endsWith("note " + (JobWatch.NOTES_MAX + 4));
    }

    @Test
    void shouldEndWatchesAfterTheTerminalStateWasTaken() throws InterruptedException {
        JobWatch watch = job.watch();
        job.moveTo(JobState.CANCELLED, "cancelled");
        assertThat(watch.isEnded()).isFalse();
        assertThat(watch.take(0).getJob().getEndedAt().getSeconds()).isPositive();
        assertThat(watch.isEnded()).isTrue();
        JobWatch late = job.watch();
        assertThat(late.take(0).getJob().getState()).isEqualTo(JobState.CANCELLED);
        assertThat(late.isEnded()).isTrue();
    }

    private static StepMetrics step(long step) {
        return StepMetrics.newBuilder().setStep(step).build();
    }
}
