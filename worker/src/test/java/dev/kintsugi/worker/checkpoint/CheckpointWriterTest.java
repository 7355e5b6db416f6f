package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {
    @TempDir
    Path outputDir;

    private final SavedModel model = SavedModel.random(1);

    @Test
    void shouldWriteTheStateOfTheMomentOfSaving() throws Exception {
        ShardPlan plan = model.plan(1);
        ShardBuffers state = model.filled(plan, 0);
        var votes = new ArrayList<CheckpointVote>();
        try (var writer = writer(plan, 0)) {
            assertThat(writer.save(state, SavedModel.training(3), votes::add)).isTrue();
            for (int unit = 0; unit < plan.units().size(); unit++) {
                writer.beforeUpdate(unit);
                state.parameters().get(unit).fill((byte) 0);
            }
            writer.awaitIdle();
        }
        CheckpointReader reader = CheckpointReader.open(
                StoragePath.of(SavedModel.commit(outputDir, plan, SavedModel.training(3), votes.getFirst().getFilesList())));
        ShardBuffers restored = model.empty(plan, 0);
        reader.restore(restored);
        assertThat(restored.parameters().getFirst().mismatch(model.filled(plan, 0).parameters().getFirst())).isEqualTo(-1);
    }

    private CheckpointWriter writer(ShardPlan plan, int rank) {
        return new CheckpointWriter(checkpoints(), plan, rank, OptimizerState.ADAMW, true);
    }

    private StoragePath checkpoints() {
        return StoragePath.of(outputDir.resolve("checkpoints"));
    }

    @Test
    void shouldVoteFailureWhenTheDirectoryCannotBeMade() throws Exception {
        Files.writeString(outputDir.resolve("checkpoints"), "a file where a directory should be");
        CheckpointVote vote = model.saveRank(outputDir, model.plan(2), 1, SavedModel.training(3));
        assertThat(vote.getFilesList()).isEmpty();
        assertThat(vote.getFailure()).startsWith(outputDir + "/checkpoints/step-00000003: ").contains("free space or permit writing")
                .doesNotContain("\n");
    }

    @Test
    void shouldGoOnWhenTheVoteCannotBeCast() throws Exception {
        ShardPlan plan = model.plan(1);
        try (var writer = writer(plan, 0)) {
            writer.save(model.filled(plan, 0), SavedModel.training(1), v -> { throw new IllegalStateException("stream is closed"); });
            writer.awaitIdle();
            assertThat(writer.save(model.filled(plan, 0), SavedModel.training(2), v -> {})).isTrue();
            writer.awaitIdle();
        }
    }

    @Test
    void shouldNotExistUntilTheManifestIsThere() throws Exception {
        assertThat(CheckpointDirectory.newest(checkpoints())).isEmpty();
        model.saveRank(outputDir, model.plan(1), 0, SavedModel.training(3));
        Path dir = outputDir.resolve("checkpoints/step-00000003");
        assertThat(dir.resolve("model")).isNotEmptyDirectory();
        assertThat(CheckpointDirectory.newest(checkpoints())).isEmpty();
        assertThatThrownBy(() -> CheckpointReader.open(StoragePath.of(dir))).isInstanceOf(CallerException.class)
                .hasMessage("%s is not a checkpoint: it has no manifest.json, so saving it was not completed; "
                        + "use an earlier checkpoint", dir);
    }

    @Test
    void shouldFindTheNewestCommittedCheckpoint() throws Exception {
        model.save(outputDir, 1, 9);
        Path newest = model.save(outputDir, 2, 100);
        model.saveRank(outputDir, model.plan(1), 0, SavedModel.training(200));
        Files.createDirectories(outputDir.resolve("checkpoints/step-00000999.old"));
        assertThat(CheckpointDirectory.newest(checkpoints())).contains(StoragePath.of(newest));
    }

    @Test
    void shouldUncommitAndClearWhenACheckpointIsWrittenAgainBySmallerWorld() throws Exception {
        Path dir = model.save(outputDir, 4, 7);
        CheckpointVote vote = model.saveRank(outputDir, model.plan(1), 0, SavedModel.training(7));
        assertThat(dir.resolve("manifest.json")).doesNotExist();
        assertThat(names(dir.resolve("model"))).containsExactly("shard-00001-model-00001-of-00001.safetensors",
                "shard-00001-model-00001-of-00001.safetensors.crc32c");
        assertThat(names(dir.resolve("optimizer"))).hasSize(2);
        SavedModel.commit(outputDir, model.plan(1), SavedModel.training(7), vote.getFilesList());
        CheckpointReader.open(StoragePath.of(dir)).restore(model.empty(model.plan(3), 2));
    }

    private static List<String> names(Path dir) throws Exception {
        try (var files = Files.list(dir)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void shouldTakeMemoryForItsSnapshotWithTheFirstSave() throws Exception {
        ShardPlan plan = model.plan(3);
        try (var writer = writer(plan, 1)) {
            assertThat(writer.allocatedBytes()).isZero();
            writer.save(model.empty(plan, 1), SavedModel.training(1), vote -> {});
            writer.awaitIdle();
            assertThat(writer.allocatedBytes()).as("no more than the estimate has").isBetween(1L, SnapshotPool.of(plan, 1, OptimizerState.ADAMW).bytes());
        }
    }
}
