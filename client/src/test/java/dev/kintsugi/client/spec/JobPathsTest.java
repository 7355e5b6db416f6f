package dev.kintsugi.client.spec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.JobSpec;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class JobPathsTest {
    private static final Path HERE = Path.of("/home/me");

    @Test
    void shouldResolveWhatWasTypedWhereItWasTyped() {
        JobSpec job = JobPaths.absolute(JobSpec.newBuilder().setOutputDir("../runs").setDatasetName("text/*.txt")
                .setModelName("s3://bucket/model").setConfigName("/etc/config.json").build(), HERE);
        assertThat(job.getOutputDir()).isEqualTo("/home/runs");
        assertThat(job.getDatasetName()).isEqualTo("/home/me/text/*.txt");
        assertThat(job.getModelName()).isEqualTo("s3://bucket/model");
        assertThat(job.getConfigName()).isEqualTo("/etc/config.json");
        assertThat(job.getTokenizerName()).isEmpty();
    }

    @Test
    void shouldKeepTheWordsOfAResumeApartFromPaths() {
        assertThat(resume("True")).isEqualTo("latest");
        assertThat(resume("latest")).isEqualTo("latest");
        assertThat(resume("false")).isEmpty();
        assertThat(resume("runs/checkpoints/step-00000010")).isEqualTo("/home/me/runs/checkpoints/step-00000010");
    }

    @Test
    void shouldLeaveAddressesOfBucketsAsTheyAre() {
        assertThat(resume("s3://bucket/runs/a")).isEqualTo("s3://bucket/runs/a");
        assertThat(checkpointDir("s3://bucket/runs/a")).isEqualTo("s3://bucket/runs/a");
        assertThat(checkpointDir("runs/a")).isEqualTo("/home/me/runs/a");
        assertThat(checkpointDir("")).isEmpty();
    }

    private static String checkpointDir(String text) {
        return JobPaths.absolute(JobSpec.newBuilder().setCheckpointDir(text).build(), HERE).getCheckpointDir();
    }

    private static String resume(String text) {
        return JobPaths.absolute(JobSpec.newBuilder().setResumeFromCheckpoint(text).build(), HERE).getResumeFromCheckpoint();
    }
}
