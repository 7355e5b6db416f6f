package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.CheckpointAbandoned;
import dev.kintsugi.proto.v1.CheckpointCommitted;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointWriter;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {
    private static final long TIMEOUT_MS = 10_000;

    @TempDir
    Path directory;

    private final SavedModel model = SavedModel.wide(2, 1000);
    private final ShardPlan plan = model.plan(2);
    private final ShardBuffers state = model.filled(plan, 1);
    private final BlockingQueue<RankEvent> events = new LinkedBlockingQueue<>();
    private CheckpointWriter writer;
    private Checkpoints checkpoints;

    @BeforeEach
    void open() {
        writer = new CheckpointWriter(StoragePath.of(directory), plan, 1, OptimizerState.ADAMW, true);
        checkpoints = new Checkpoints(writer, event -> events.add(event.build()));
    }

    @AfterEach
    void close() throws InterruptedException {
        checkpoints.close();
        while (!writer.isIdle()) { Thread.sleep(1); }           // or it would write into a directory that is being removed
    }

    @Test
    void shouldVoteThenReadBackOnceCommitted() throws Exception {
        save(20);
        assertThat(vote().getFailure()).isEmpty();
        commit(20);
        assertThat(checkpoints.awaitDecision(TIMEOUT_MS)).isNull();
        assertThat(checkpoints.awaitVerified(TIMEOUT_MS)).isNull();
        RankEvent verified = event();
        assertThat(verified.getCheckpointVerified().getStep()).isEqualTo(20);
        assertThat(verified.getCheckpointVerified().getFailure()).isEmpty();
    }

    @Test
    void shouldVoteAgainstASaveWhileTheLastIsUndecided() throws Exception {
        save(20);
        vote();
        save(40);
        CheckpointVote against = vote();
        assertThat(against.getStep()).isEqualTo(40);
        assertThat(against.getState()).isEqualTo(SavedModel.training(40));
        assertThat(against.getFilesList()).isEmpty();
        assertThat(against.getFailure()).isEqualTo("the save of step 20 is not over");
        abandon(40);
        commit(20);
        assertThat(checkpoints.awaitDecision(TIMEOUT_MS)).as("the save of 20, not the one that never was").isNull();
        checkpoints.awaitVerified(TIMEOUT_MS);
        event();
        save(60);
        assertThat(vote().getFailure()).isEmpty();
    }

    @Test
    void shouldRemoveAnAbandonedSaveAndBeginTheNext() throws Exception {
        save(20);
        vote();
        abandon(20);
        assertThat(checkpoints.awaitDecision(TIMEOUT_MS)).isEqualTo("rank 0 could not write");
        save(40);
        assertThat(vote().getStep()).isEqualTo(40);
        commit(40);
        assertThat(checkpoints.awaitVerified(TIMEOUT_MS)).isNull();
        try (Stream<Path> files = Files.walk(directory)) {
            assertThat(files.filter(Files::isRegularFile)).hasSize(4).allMatch(f -> f.toString().contains("step-00000040"));
        }
    }

    @Test
    void shouldReportWhatDoesNotReadBack() throws Exception {
        save(20);
        vote();
        Path file = directory.resolve("step-00000020/model/shard-00002-model-00001-of-00001.safetensors");
        byte[] content = Files.readAllBytes(file);
        content[content.length / 2] ^= 8;
        Files.write(file, content);
        commit(20);
        assertThat(checkpoints.awaitVerified(TIMEOUT_MS)).startsWith("rank 1 reads " + file + " back other than it was written");
        assertThat(event().getCheckpointVerified().getFailure()).contains(file.toString());
    }

    @Test
    void shouldNotWaitForADecisionForEver() throws Exception {
        save(20);
        assertThatThrownBy(() -> checkpoints.awaitDecision(100)).isInstanceOf(WorldException.class)
                .hasMessageStartingWith("no decision on the checkpoint of step 20");
    }

    private void save(long step) {
        checkpoints.save(state, SavedModel.training(step));
    }

    private void commit(long step) {
        checkpoints.committed(CheckpointCommitted.newBuilder().setStep(step).build());
    }

    private void abandon(long step) {
        checkpoints.abandoned(CheckpointAbandoned.newBuilder().setStep(step).setReason("rank 0 could not write").build());
    }

    private CheckpointVote vote() throws InterruptedException {
        return event().getCheckpointVote();
    }

    private RankEvent event() throws InterruptedException {
        RankEvent event = events.poll(10, TimeUnit.SECONDS);
        assertThat(event).as("an event in time").isNotNull();
        return event;
    }
}
