package dev.kintsugi.coordinator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobAdmissionTest {
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 33, "max_position_embeddings": 64}""";

    @TempDir
    Path root;

    @BeforeEach
    void write() throws IOException {
        Files.writeString(root.resolve("config.json"), CONFIG);
        Files.writeString(root.resolve("tokenizer.json"), "{}");
        Files.createDirectories(root.resolve("data/deep"));
        Files.writeString(root.resolve("data/deep/a.txt"), "text");
    }

    @Test
    void shouldAdmitAWholeSpecAndLeaveNothingBehind() throws IOException {
        JobAdmission.Admitted admitted = JobAdmission.admit(spec().build());
        assertThat(admitted.modelConfigJson()).isEqualTo(CONFIG);
        assertThat(admitted.parameters()).isEqualTo(2 * 33 * 16 + 16 + (2 * 16 + 4 * 16 * 16 + 3 * 16 * 24));
        assertThat(admitted.resume()).isEmpty();
        assertThat(admitted.spec().getMaxLength()).isEqualTo(64);
        assertNothingWritten();
    }

    @Test
    void shouldTakeADirectoryAFileOrAGlobAsDataset() {
        for (String dataset : new String[] {"data", "data/deep/a.txt", "data/**/*.txt", "data/deep/*.{txt,jsonl}"}) {
            JobAdmission.admit(spec().setDatasetName(root.resolve(dataset).toString()).build());
        }
        refused("--dataset_name=%s/data/*.txt matches no file", spec().setDatasetName(root + "/data/*.txt"));
        refused("--dataset_name=%s/none does not exist", spec().setDatasetName(root + "/none"));
    }

    @Test
    void shouldNameTheFileThatIsMissingOrWrong() throws IOException {
        refused("--config_name=%s/none.json does not exist", spec().setConfigName(root + "/none.json"));
        refused("--config_name=%s/data holds no config.json", spec().setConfigName(root + "/data"));
        refused("--tokenizer_name=%s/data holds no tokenizer.json", spec().setTokenizerName(root + "/data"));
        refused("--model_name=%s holds no *.safetensors", spec().clearConfigName().setModelName(root.toString()));
        refused("--model_name=meta/llama is relative", spec().clearConfigName().setModelName("meta/llama"));
        Files.writeString(root.resolve("config.json"), "{\"model_type\": \"bert\"}");
        refused("%s/config.json", spec());
        Files.writeString(root.resolve("config.json"), "{\"model_type\"");
        refused("%s/config.json", spec());
        Files.write(root.resolve("config.json"), new byte[] {(byte) 0xff, (byte) 0xfe});
        refused("is not UTF-8 text", spec());
    }

    @Test
    void shouldRefuseAnOutputDirectoryThatIsAFile() throws IOException {
        Files.writeString(root.resolve("file"), "");
        refused("--output_dir=%s/file/run is not writable", spec().setOutputDir(root + "/file/run"));
        refused("--output_dir=%s/file is not writable", spec().setOutputDir(root + "/file"));
        refused("--output_dir=run is relative", spec().setOutputDir("run"));
    }

    @Test
    void shouldRefuseToResumeFromWhatIsNoCheckpoint() throws IOException {
        refused("holds no committed checkpoint", spec().setResumeFromCheckpoint("True"));
        refused("does not exist", spec().setResumeFromCheckpoint(root + "/none"));
        refused("so it was never committed", spec().setResumeFromCheckpoint(root + "/data"));
        Files.writeString(root.resolve("data/manifest.json"),
                "{\"format\": \"kintsugi-checkpoint\", \"format_version\": 99, \"kintsugi_version\": \"9.9\"}");
        refused("format_version=99", spec().setResumeFromCheckpoint(root + "/data"));
    }

    @Test
    void shouldNotOverwriteTheCheckpointsOfAnotherRun() throws IOException {
        Path checkpoint = Files.createDirectories(root.resolve("new/out/checkpoints/step-00000007"));
        Files.writeString(checkpoint.resolve("manifest.json"), "{}");
        assertThatThrownBy(() -> JobAdmission.admit(spec().build())).isInstanceOf(InvalidJobException.class)
                .hasMessageContaining("already holds checkpoints up to step 7").hasMessageContaining("--resume_from_checkpoint True");
    }

    @Test
    void shouldPutCheckpointsWhereTheJobSays() throws IOException {
        assertThat(JobAdmission.admit(spec().build()).spec().getCheckpointDir()).isEqualTo(root + "/new/out/checkpoints");
        assertThat(JobAdmission.admit(spec().setCheckpointDir(root + "/new/./elsewhere").build()).spec().getCheckpointDir())
                .isEqualTo(root + "/new/elsewhere");
        refused("--checkpoint_dir=elsewhere is relative", spec().setCheckpointDir("elsewhere"));
        refused("--checkpoint_dir: gs://bucket/x is on storage of an unknown kind", spec().setCheckpointDir("gs://bucket/x"));
        refused("--checkpoint_dir=%s/config.json is not writable", spec().setCheckpointDir(root + "/config.json"));
    }

    @Test
    void shouldRefuseMoreCheckpointsThanTheDiskHolds() {
        long tooMany = 1L << 40;
        refused("GB free, and the checkpoints need", spec().setMaxSteps(tooMany).setSaveSteps(1));
        refused("or --ignore_disk_check to go on nevertheless", spec().setMaxSteps(tooMany).setSaveSteps(1));
        JobAdmission.admit(spec().setMaxSteps(tooMany).setSaveSteps(1).setIgnoreDiskCheck(true).build());
        JobAdmission.admit(spec().setMaxSteps(tooMany).setSaveSteps(1).setSaveTotalLimit(3).build());
        JobAdmission.admit(spec().setMaxSteps(tooMany).setSaveStrategy("no").build());
    }

    @Test
    void shouldSayWhichCheckpointsCannotBeUsedWhenNoneIsLeft() throws IOException {
        Path newer = Files.createDirectories(root.resolve("out/checkpoints/step-00000009"));
        Files.writeString(newer.resolve("manifest.json"),
                "{\"format\": \"kintsugi-checkpoint\", \"format_version\": 99, \"kintsugi_version\": \"9.9\"}");
        Path torn = Files.createDirectories(root.resolve("out/checkpoints/step-00000007"));
        Files.writeString(torn.resolve("manifest.json"), "{\"format\"");
        assertThatThrownBy(() -> JobAdmission.admit(spec().setOutputDir(root + "/out").setResumeFromCheckpoint("latest").build()))
                .isInstanceOf(InvalidJobException.class).hasMessageContaining("no checkpoint in %s/out/checkpoints can be used".formatted(root))
                .hasMessageContaining("step-00000009 cannot be resumed from").hasMessageContaining("step-00000007 cannot be resumed from");
    }

    private void refused(String message, JobSpec.Builder spec) {
        assertThatThrownBy(() -> JobAdmission.admit(spec.build())).isInstanceOf(InvalidJobException.class)
                .hasMessageContaining(message.replace("%s", root.toString()));
        try {
            assertNothingWritten();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void assertNothingWritten() throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            assertThat(files).noneMatch(f -> f.toString().contains("new") || f.toString().contains("probe"));
        }
    }

    private JobSpec.Builder spec() {
        return JobSpec.newBuilder().setOutputDir(root + "/new/out").setConfigName(root + "/config.json").setTokenizerName(root.toString())
                .setDatasetName(root + "/data");
    }
}
