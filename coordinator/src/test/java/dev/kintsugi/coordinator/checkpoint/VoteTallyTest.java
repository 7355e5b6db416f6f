package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import org.junit.jupiter.api.Test;

class VoteTallyTest {
    private static final VoteTally OPEN = VoteTally.open(25, 2);

    @Test
    void shouldCommitOnceEveryRankHasVoted() {
        VoteTally half = OPEN.with(1, vote(25, "b"));
        assertThat(half.verdict()).isEqualTo(new VoteTally.Open(1));
        var commit = (VoteTally.Commit) half.with(0, vote(25, "a")).verdict();
        assertThat(commit.files()).extracting(ShardFile::getPath).containsExactly("a", "b");
        assertThat(commit.state().getStep()).isEqualTo(25);
    }

    @Test
    void shouldCountARanksSecondVoteOnce() {
        assertThat(OPEN.with(1, vote(25, "b")).with(1, vote(25, "b")).verdict()).isEqualTo(new VoteTally.Open(1));
    }

    @Test
    void shouldAbandonAtTheFirstRankThatCouldNotWrite() {
        VoteTally failed = OPEN.with(1, CheckpointVote.newBuilder().setStep(25).setFailure("disk full").build());
        assertThat(failed.verdict()).isEqualTo(new VoteTally.Abandon("rank 1 could not write: disk full"));
        assertThat(failed.with(0, vote(25, "a")).verdict()).isEqualTo(failed.verdict());
    }

    @Test
    void shouldKnowWhichRanksWroteFiles() {
        CheckpointVote copy = vote(25, "b").toBuilder().clearFiles().build();
        assertThat(OPEN.with(0, vote(25, "a")).with(1, copy).verdict()).isInstanceOfSatisfying(VoteTally.Commit.class,
                c -> assertThat(c.writers()).containsExactly(0));
    }

    @Test
    void shouldAbandonWhenRanksDisagreeOnTheState() {
        assertThat(OPEN.with(0, vote(25, "a")).with(1, vote(24, "b")).verdict()).isInstanceOf(VoteTally.Abandon.class);
        assertThat(OPEN.with(0, vote(24, "a")).with(1, vote(24, "b")).verdict())
                .isEqualTo(new VoteTally.Abandon("the ranks voted for step 25 with the state of step 24"));
    }

    private static CheckpointVote vote(long step, String file) {
        return CheckpointVote.newBuilder().setStep(25).setState(TrainingState.newBuilder().setStep(step))
                .addFiles(ShardFile.newBuilder().setPath(file)).build();
    }
}
