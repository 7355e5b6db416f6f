package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import org.junit.jupiter.api.Test;

class VoteTallyTest {
    private final VoteTally tally = new VoteTally(25, 2);

    @Test
    void shouldCommitOnceEveryRankHasVoted() {
        assertThat(tally.vote(1, vote(25, "b"))).isEqualTo(new VoteTally.Open(1));
        var commit = (VoteTally.Commit) tally.vote(0, vote(25, "a"));
        assertThat(commit.files()).extracting(ShardFile::getPath).containsExactly("a", "b");
        assertThat(commit.state().getStep()).isEqualTo(25);
    }

    @Test
    void shouldCountARanksSecondVoteOnce() {
        tally.vote(1, vote(25, "b"));
        assertThat(tally.vote(1, vote(25, "b"))).isEqualTo(new VoteTally.Open(1));
    }

    @Test
    void shouldAbandonAtTheFirstRankThatCouldNotWrite() {
        var failed = tally.vote(1, CheckpointVote.newBuilder().setStep(25).setFailure("disk full").build());
        assertThat(failed).isEqualTo(new VoteTally.Abandon("rank 1 could not write: disk full"));
        assertThat(tally.vote(0, vote(25, "a"))).isEqualTo(failed);
    }

    @Test
    void shouldKnowWhichRanksWroteFiles() {
        tally.vote(0, vote(25, "a"));
        assertThat(tally.vote(1, vote(25, "b").toBuilder().clearFiles().build())).isInstanceOfSatisfying(VoteTally.Commit.class,
                c -> assertThat(c.writers()).containsExactly(0));
    }

    @Test
    void shouldAbandonWhenRanksDisagreeOnTheState() {
        tally.vote(0, vote(25, "a"));
        assertThat(tally.vote(1, vote(24, "b"))).isInstanceOf(VoteTally.Abandon.class);
        var other = new VoteTally(25, 2);
        other.vote(0, vote(24, "a"));
        assertThat(other.vote(1, vote(24, "b"))).isEqualTo(new VoteTally.Abandon("the ranks voted for step 25 with the state of step 24"));
    }

    @Test
    void shouldTakeTheVotesOfTenThousandRanksInLessThanASecond() {
        int ranks = 10_000;
        var many = new VoteTally(25, ranks);
        long startNs = System.nanoTime();
        VoteTally.Verdict last = null;
        for (int rank = 0; rank < ranks; rank++) { last = many.vote(rank, vote(25, "file-" + rank)); }
        assertThat(last).isInstanceOf(VoteTally.Commit.class);
        assertThat(System.nanoTime() - startNs).as("ns").isLessThan(1_000_000_000L);
    }

    private static CheckpointVote vote(long step, String file) {
        return CheckpointVote.newBuilder().setStep(25).setState(TrainingState.newBuilder().setStep(step))
                .addFiles(ShardFile.newBuilder().setPath(file)).build();
    }
}
