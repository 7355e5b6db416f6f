package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LossSpikesTest {
    @Test
    void shouldFindALossFarAboveThoseBefore() {
        var spikes = new LossSpikes(6, List.of());
        for (int i = 0; i < 40; i++) {
            double usual = 3 - 0.02 * i + (i % 2 == 0 ? 0.05 : -0.05);
            assertThat(spikes.isSpike(usual)).as("step %d", i).isFalse();
            spikes.add(usual);
        }
        assertThat(spikes.isSpike(6)).isTrue();
        assertThat(spikes.isSpike(0.1)).as("a fall is none").isFalse();
        spikes.add(50);             // one outlier among them changes little
        assertThat(spikes.isSpike(6)).isTrue();
        spikes.forget();
        assertThat(spikes.isSpike(6)).as("nothing to compare with").isFalse();
    }

    @Test
    void shouldNotBeAlarmedByLossesThatHardlyDiffer() {
        var spikes = new LossSpikes(6, List.of(2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0));
        assertThat(spikes.isSpike(2.1)).isFalse();
        assertThat(spikes.isSpike(2.13)).isTrue();
    }

    /// So that a resumed run decides as one that was not interrupted.
    @Test
    void shouldGoOnFromWhatWasSaved() {
        var whole = new LossSpikes(3, List.of());
        for (int i = 0; i < 50; i++) { whole.add(Math.sin(i)); }
        var resumed = new LossSpikes(3, whole.recent());
        assertThat(whole.recent()).hasSize(32);
        assertThat(resumed.score(2)).isEqualTo(whole.score(2)).isPositive();
    }

    @Test
    void shouldRememberNothingWhereItIsOff() {
        var spikes = new LossSpikes(0, List.of(1.0));
        spikes.add(1);
        assertThat(spikes.recent()).isEmpty();
        assertThat(spikes.isSpike(1e9)).isFalse();
    }
}
