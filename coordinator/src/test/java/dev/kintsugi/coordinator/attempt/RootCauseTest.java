package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.FailureKind;
import java.util.List;
import org.junit.jupiter.api.Test;

class RootCauseTest {
    private static final Evidence PEER_LATE = new Evidence.RankReported(0, "h", FailureKind.WORLD, "rank 1 is late.");
    private static final Evidence KILLED = new Evidence.RankDied(1, "h", 137, "", 37);

    @Test
    void shouldTellOfTheRankThatDiedNotOfThoseThatNoticed() {
        RootCause cause = RootCause.of(List.of(new Evidence.StreamLost(1, "h", 37), PEER_LATE, KILLED));
        assertThat(cause).isEqualTo(new RootCause(FailureKind.WORLD, "rank 1 on host h was killed by signal 9 at step 37"));
    }

    @Test
    void shouldPreferTheCallersMistakeOverItsConsequences() {
        var mistake = new Evidence.RankReported(2, "h", FailureKind.CALLER, "data.txt is empty; add text.");
        RootCause cause = RootCause.of(List.of(PEER_LATE, KILLED, mistake));
        assertThat(cause).isEqualTo(new RootCause(FailureKind.CALLER, "data.txt is empty; add text"));
    }

    @Test
    void shouldPreferARanksOwnReportOverItsExitStatus() {
        var reported = new Evidence.RankReported(1, "h", FailureKind.WORLD, "the disk is full.");
        assertThat(RootCause.of(List.of(new Evidence.RankDied(1, "h", 1, "at Foo.java:30", 0), reported)).sentence())
                .isEqualTo("rank 1 on host h failed: the disk is full");
    }

    @Test
    void shouldTellTheFirstOfEqualEvidence() {
        assertThat(RootCause.of(List.of(KILLED, new Evidence.RankDied(0, "h", 143, "", 37))).sentence()).startsWith("rank 1 ");
    }

    @Test
    void shouldNotWaitWhenTheEvidenceExplainsItself() {
        assertThat(RootCause.isDecisive(KILLED)).isTrue();
        assertThat(RootCause.isDecisive(new Evidence.AgentLost("h", List.of(0, 1), "sent nothing for 11 s", 3))).isTrue();
        assertThat(RootCause.isDecisive(PEER_LATE)).isFalse();
        assertThat(RootCause.isDecisive(new Evidence.StreamLost(1, "h", 37))).isFalse();
        assertThat(RootCause.isDecisive(new Evidence.RankDied(1, "h", 0, "", 37))).isFalse();
    }

    @Test
    void shouldQuoteTheLastWordsOfARankThatExited() {
        assertThat(RootCause.of(List.of(new Evidence.RankDied(3, "h", 1, "OutOfMemoryError\n", 0))).sentence())
                .isEqualTo("rank 3 on host h exited with status 1; its last words: OutOfMemoryError");
    }

    @Test
    void shouldNameEveryRankThatWasLost() {
        assertThat(RootCause.of(List.of(new Evidence.AgentLost("h", List.of(2, 3), "closed its connection", 5))).sentence())
                .isEqualTo("host h with ranks 2, 3 was lost at step 5: its agent closed its connection");
        assertThat(RootCause.of(List.of(new Evidence.DidNotJoin(List.of(1), 120))).sentence())
                .isEqualTo("rank 1 did not join within 120 s");
        assertThat(RootCause.of(List.of(new Evidence.RankSilent(1, "h", "sent nothing for 31 s", "forward model.layers.2", 9)))
                .sentence()).isEqualTo("rank 1 on host h sent nothing for 31 s at step 9 in forward model.layers.2");
    }

    @Test
    void shouldSayThatABugIsOurs() {
        RootCause cause = RootCause.of(List.of(new Evidence.RankReported(0, "h", FailureKind.BUG, "index 4 of 3")));
        assertThat(cause.kind()).isEqualTo(FailureKind.BUG);
        assertThat(cause.sentence()).isEqualTo("rank 0 on host h met a bug of Kintsugi, please report it: index 4 of 3");
    }
}
