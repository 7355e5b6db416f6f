package dev.kintsugi.coordinator.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.CollectiveEntry;
import dev.kintsugi.proto.v1.RankHeartbeat;
import java.util.List;
import org.junit.jupiter.api.Test;

class LastSeenTest {
    @Test
    void shouldNameTheRankThatIsFurthestBehindFirst() {
        assertThat(LastSeen.explain(List.of(seen(0, 12, "waiting in all-gather model.layers.3"), seen(1, 11, "backward model.layers.2"))))
                .isEqualTo("rank 1 on host h at step 7: backward model.layers.2; "
                        + "rank 0 on host h at step 7: waiting in all-gather model.layers.3");
    }

    @Test
    void shouldSayNothingWhenNoRankDid() {
        assertThat(LastSeen.explain(List.of(seen(0, 1, "")))).isEmpty();
    }

    private static LastSeen seen(int rank, long sequence, String doing) {
        return new LastSeen(rank, "h", RankHeartbeat.newBuilder().setStep(7).setDoing(doing)
                .addJournal(CollectiveEntry.newBuilder().setSequence(sequence)).build());
    }
}
