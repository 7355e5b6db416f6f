package dev.kintsugi.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.storage.StoragePath;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobStoreTest {
    @TempDir
    Path directory;

    @Test
    void shouldGiveJobsBackInTheOrderOfTheirSubmissionAfterReopening() {
        TrackedJob.Record first = record("job-b", Optional.of(StoragePath.of("s3://bucket/step-00000007")));
        TrackedJob.Record second = record("job-a", Optional.empty());
        try (JobStore store = open()) {
            store.save(first);
            store.save(second);
        }
        try (JobStore store = open()) {
            assertThat(store.all()).containsExactly(first, second);
        }
    }

    @Test
    void shouldReplaceAJobThatChanged() {
        try (JobStore store = open()) {
            TrackedJob.Record before = record("job-a", Optional.empty());
            store.save(before);
            var after = new TrackedJob.Record(before.job().toBuilder().setState(JobState.CANCELLED).setStep(7).build(),
                    before.modelConfigJson(), before.resume(), true);
            store.save(after);
            assertThat(store.all()).containsExactly(after);
        }
    }

    private JobStore open() {
        return JobStore.open(directory.resolve("coordinator.db"));
    }

    private static TrackedJob.Record record(String id, Optional<StoragePath> resume) {
        Job job = Job.newBuilder().setJobId(id).setState(JobState.QUEUED).setSpec(JobSpec.newBuilder().setOutputDir("/out")).build();
        return new TrackedJob.Record(job, "{\"model_type\": \"llama\"}", resume, false);
    }
}
