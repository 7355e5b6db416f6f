package dev.kintsugi.coordinator.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReadBacksTest {
    private final ReadBacks readBacks = new ReadBacks();

    @BeforeEach
    void commit() {
        readBacks.await(20, List.of(0, 1));
    }

    @Test
    void shouldKnowThatItIsSoundOnceEveryWriterSaysSo() {
        assertThat(readBacks.report(20, 1, "")).isEmpty();
        assertThat(readBacks.report(20, 1, "")).as("the same rank again").isEmpty();
        assertThat(readBacks.isEmpty()).isFalse();
        assertThat(readBacks.report(20, 0, "")).contains(new ReadBacks.Sound());
        assertThat(readBacks.isEmpty()).isTrue();
    }

    @Test
    void shouldKnowThatItIsDamagedAtTheFirstBadFile() {
        assertThat(readBacks.report(20, 1, "bad")).contains(new ReadBacks.Damaged("bad"));
        assertThat(readBacks.report(20, 0, "bad, too")).isEmpty();
        assertThat(readBacks.isEmpty()).isTrue();
    }

    @Test
    void shouldIgnoreWhatIsNotAwaited() {
        assertThat(readBacks.report(19, 0, "bad")).isEmpty();
        assertThat(readBacks.report(20, 7, "bad")).isEmpty();
        assertThat(readBacks.isEmpty()).isFalse();
    }

    @Test
    void shouldNotWaitForRanksThatLeft() {
        readBacks.await(30, List.of(0, 1));
        readBacks.report(20, 1, "");
        assertThat(readBacks.leave(1)).containsExactly(30L);
        assertThat(readBacks.report(20, 0, "")).contains(new ReadBacks.Sound());
        assertThat(readBacks.isEmpty()).isTrue();
    }
}
