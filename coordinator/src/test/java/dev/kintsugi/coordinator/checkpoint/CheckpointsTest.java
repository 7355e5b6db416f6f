package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.CheckpointVerified;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 33, "max_position_embeddings": 64}""";

    @TempDir
    Path root;

    private final List<String> heard = new ArrayList<>();
    private final BlockingQueue<Runnable> loop = new LinkedBlockingQueue<>();
    private CheckpointDirectory directory;
    private Checkpoints checkpoints;

    /// What an attempt would hear, as words.
    private final class Hearing implements Checkpoints.Listener {
        @Override
        public void committed(long step, StoragePath where, long bytes, double seconds) {
            heard.add("committed " + step);
        }

        @Override
        public void abandoned(long step, String reason) {
            heard.add("abandoned " + step);
        }

        @Override
        public void abandonedBefore(int rank, long step, String reason) {
            heard.add("told rank %d of %d: %s".formatted(rank, step, reason));
        }

        @Override
        public void verified(long step) {
            heard.add("verified " + step);
        }

        @Override
        public void damaged(long step, String reason, long goodStep) {
            heard.add("damaged %d (%s), now %d".formatted(step, reason, goodStep));
        }

        @Override
        public void note(String text) {
            heard.add(text);
        }

        @Override
        public void progressed() {
            if (checkpoints.isSettled()) { heard.add("settled"); }
        }
    }

    @BeforeEach
    void open() {
        directory = new CheckpointDirectory(StoragePath.of(root));
        var model = PlannedModel.of(CONFIG, JobSpec.getDefaultInstance(), new Sharding(ShardingStrategy.FULL_SHARD, 2, 2));
        JobSpec spec = JobSpec.newBuilder().setSaveTotalLimit(1).build();
        checkpoints = new Checkpoints(new Checkpoints.Setting("test", spec, model, directory), loop::add, new Hearing());
    }

    @AfterEach
    void close() {
        checkpoints.close();
    }

    @Test
    void shouldDropWhatACheckpointReplacesOnlyOnceItIsVerified() throws Exception {
        commit(10);
        readBack(10, "", "");
        commit(20);
        assertThat(heard).containsExactly("committed 10", "verified 10", "settled", "committed 20");
        assertThat(directory.committed()).extracting("step").containsExactly(10L, 20L);
        assertThat(checkpoints.isIdle()).isTrue();
        assertThat(checkpoints.isSettled()).isFalse();
        readBack(20, "", "");
        assertThat(directory.committed()).extracting("step").containsExactly(20L);
        assertThat(heard.getLast()).isEqualTo("settled");
    }

    @Test
    void shouldKeepTheOneBeforeADamagedOne() throws Exception {
        commit(10);
        readBack(10, "", "");
        commit(20);
        readBack(20, "", "rank 1: bad");
        assertThat(heard).endsWith("damaged 20 (rank 1: bad), now 10", "settled");
        assertThat(directory.committed()).extracting("step").containsExactly(10L);
        heard.clear();
        checkpoints.setAside(20, "again");
        checkpoints.verified(0, CheckpointVerified.newBuilder().setStep(20).build());
        assertThat(heard).isEmpty();
        assertThat(checkpoints.isSettled()).isTrue();
    }

    @Test
    void shouldNotWaitForARankThatLeft() throws Exception {
        commit(10);
        checkpoints.verified(0, CheckpointVerified.newBuilder().setStep(10).build());
        checkpoints.leave(1);
        assertThat(checkpoints.isSettled()).isTrue();
        assertThat(heard).endsWith("checkpoint of step 10 is committed but not verified: rank 1 left before it had read it back");
        assertThat(root.resolve("step-00000010/verified.json")).doesNotExist();
    }

    @Test
    void shouldTellWhoeverVotesLateThatItIsGivenUp() throws Exception {
        checkpoints.vote(1, CheckpointVote.newBuilder().setStep(10).setFailure("disk full").build(), 0);
        checkpoints.vote(0, vote(0, 10), 0);
        assertThat(heard).containsExactly("abandoned 10", "told rank 0 of 10: rank 1 could not write: disk full");
        assertThat(directory.committed()).isEmpty();
        commit(20);
        assertThat(heard.getLast()).isEqualTo("committed 20");
    }

    @Test
    void shouldAbandonWhatIsNotOnStorageAsItWasVotedFor() throws Exception {
        checkpoints.vote(0, vote(0, 10), 0);
        CheckpointVote second = vote(1, 10);
        Files.writeString(root.resolve("step-00000010").resolve(CheckpointLayout.modelFile(1)), "longer than it was");
        checkpoints.vote(1, second, 0);
        await();
        assertThat(heard).first().isEqualTo("abandoned 10");
        assertThat(directory.committed()).isEmpty();
    }

    @Test
    void shouldForgetWhatWasFoundOutAboutAnEarlierCheckpointOfTheStep() throws Exception {
        commit(10);
        readBack(10, "bad", "");
        assertThat(root.resolve("step-00000010/manifest.damaged.json")).exists();
        commit(10);
        assertThat(root.resolve("step-00000010/manifest.damaged.json")).doesNotExist();
        readBack(10, "", "");
        assertThat(root.resolve("step-00000010/verified.json")).exists();
    }

    private void commit(long step) throws Exception {
        for (int rank = 0; rank < 2; rank++) { checkpoints.vote(rank, vote(rank, step), 0); }
        await();
    }

    private void readBack(long step, String... failures) throws InterruptedException {
        for (int rank = 0; rank < 2; rank++) {
            checkpoints.verified(rank, CheckpointVerified.newBuilder().setStep(step).setFailure(failures[rank]).build());
        }
        await();
    }

    /// Plays the control loop until nothing is written any more.
    private void await() throws InterruptedException {
        while (!checkpoints.isIdle()) {
            Runnable next = loop.poll(10, TimeUnit.SECONDS);
            if (next == null) { throw new AssertionError("nothing came within 10 s; heard " + heard); }
            next.run();
        }
    }

    private CheckpointVote vote(int rank, long step) throws IOException {
        var vote = CheckpointVote.newBuilder().setStep(step).setState(TrainingState.newBuilder().setStep(step).setSamplesSeen(step)
                .setMicrobatchesPerStep(2).setDatasetDigest("d"));
        for (String path : List.of(CheckpointLayout.modelFile(rank), CheckpointLayout.optimizerFile(rank))) {
            Path file = directory.of(step).resolve(path).toPath();
            Files.createDirectories(file.getParent());
            Files.writeString(file, "shard");
            vote.addFiles(ShardFile.newBuilder().setPath(path).setBytes(5).setSha256("ab".repeat(32)));
        }
        return vote.build();
    }
}
