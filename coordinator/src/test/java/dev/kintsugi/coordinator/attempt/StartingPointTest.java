package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ResumePoint;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StartingPointTest {
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 33, "max_position_embeddings": 64}""";
    private static final ShardPlan PLAN = ShardPlanner.plan(ModelSpec.of(ModelConfigParser.parse(CONFIG, "config.json")), 1);

    @TempDir
    Path root;

    private CheckpointDirectory own;

    @BeforeEach
    void make() {
        own = new CheckpointDirectory(StoragePath.of(root.resolve("own")));
    }

    @Test
    void shouldStartFromTheBeginningWhereThereIsNothing() throws IOException {
        StartingPoint point = StartingPoint.find(own, record("", Optional.empty()), true);
        assertThat(point.resume()).isEmpty();
        assertThat(point.notes()).isEmpty();
    }

    @Test
    void shouldTakeTheOneBeforeAManifestThatCannotBeUsedAndSaySo() throws IOException {
        write("own", 10, manifest(10));
        write("own", 20, manifest(20).replaceFirst("\"format_version\" : \\d+", "\"format_version\" : 99"));
        write("own", 30, "{torn");
        StartingPoint point = StartingPoint.find(own, record("latest", Optional.of(own.of(30))), false);
        assertThat(point.resume()).map(ResumePoint::getStep).contains(10L);
        assertThat(point.isReplaceable()).isTrue();
        assertThat(point.notes()).hasSize(2);
        assertThat(point.notes().getFirst()).contains("step-00000030 cannot be resumed from").contains("not valid JSON")
                .endsWith("going on from step-00000010, the one before it");
        assertThat(point.notes().getLast()).contains("step-00000020 cannot be resumed from").contains("99");
    }

    @Test
    void shouldFailNamingThemWhenNoneIsLeft() throws IOException {
        write("own", 10, "{torn");
        Files.createDirectories(root.resolve("own/step-00000020"));
        Files.writeString(root.resolve("own/step-00000020/manifest.damaged.json"), "{}");
        for (TrackedJob.Record record : List.of(record("true", Optional.of(own.of(20))), record("", Optional.empty()))) {
            assertThatThrownBy(() -> StartingPoint.find(own, record, false)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("step-00000010 cannot be resumed from").hasMessageContaining("step-00000020 was found damaged")
                    .hasMessageContaining("another --output_dir");
        }
    }

    @Test
    void shouldNeverReplaceACheckpointThatWasNamed() throws IOException {
        write("own", 10, manifest(10));
        write("own", 20, "{torn");
        assertThatThrownBy(() -> StartingPoint.find(own, record(own.of(20).text(), Optional.of(own.of(20))), false))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("step-00000020/manifest.json");
        StartingPoint named = StartingPoint.find(own, record(own.of(10).text(), Optional.of(own.of(10))), false);
        assertThat(named.resume()).map(ResumePoint::getStep).contains(10L);
        assertThat(named.isReplaceable()).isFalse();
    }

    @Test
    void shouldPreferItsOwnLaterCheckpointsToTheOneThatWasNamed() throws IOException {
        write("other", 20, manifest(20));
        write("own", 5, manifest(5));
        StoragePath other = StoragePath.of(root.resolve("other/step-00000020"));
        assertThat(StartingPoint.find(own, record(other.text(), Optional.of(other)), false).resume()).map(ResumePoint::getDirectory)
                .contains(other.text());
        write("own", 30, manifest(30));
        StartingPoint later = StartingPoint.find(own, record(other.text(), Optional.of(other)), false);
        assertThat(later.resume()).map(ResumePoint::getStep).contains(30L);
        assertThat(later.isReplaceable()).isTrue();
        write("own", 40, "{torn");
        assertThat(StartingPoint.find(own, record(other.text(), Optional.of(other)), false).resume()).map(ResumePoint::getStep).contains(30L);
    }

    private static TrackedJob.Record record(String resumeFrom, Optional<StoragePath> resume) {
        Job job = Job.newBuilder().setJobId("job-1").setGeneration(2).setSpec(JobSpec.newBuilder().setResumeFromCheckpoint(resumeFrom)).build();
        return new TrackedJob.Record(job, CONFIG, resume, false);
    }

    private void write(String directory, long step, String manifest) throws IOException {
        Path checkpoint = Files.createDirectories(root.resolve(directory).resolve(CheckpointLayout.stepDirectory(step)));
        Files.writeString(checkpoint.resolve(CheckpointLayout.MANIFEST), manifest);
    }

    private static String manifest(long step) {
        List<ShardFile> files = List.of(file(CheckpointLayout.modelFile(0)), file(CheckpointLayout.optimizerFile(0)));
        var state = TrainingState.newBuilder().setStep(step).setSamplesSeen(step).setMicrobatchesPerStep(1).setDatasetDigest("d").build();
        return Manifests.toJson(Manifests.of("test", "2026-11-22T14:00:00Z", PLAN, OptimizerState.ADAMW, CONFIG, "{}", state, files));
    }

    private static ShardFile file(String path) {
        return ShardFile.newBuilder().setPath(path).setBytes(5).setSha256("ab".repeat(32)).build();
    }
}
