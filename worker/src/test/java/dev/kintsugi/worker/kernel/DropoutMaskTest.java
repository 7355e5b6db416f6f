package dev.kintsugi.worker.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DropoutMaskTest {
    private static final int N = 1_000_000;

    /// Five standard deviations of a binomial share.
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.05, 0.5, 0.99})
    void shouldDropTheShareThatItIsToldTo(double probability) {
        var mask = new DropoutMask(probability, 17);
        double sum = 0;
        int dropped = 0;
        for (int i = 0; i < N; i++) {
            sum += mask.factor(i);
            dropped += mask.keeps(i) ? 0 : 1;
        }
        double tolerance = 5 * Math.sqrt(probability * (1 - probability) / N) + 1e-12;
        assertThat((double) dropped / N).isCloseTo(probability, within(tolerance));
        assertThat(sum / N).as("the mean stays").isCloseTo(1, within(tolerance / (1 - probability) + 1e-9));
    }

    @Test
    void shouldHaveOtherMasksWithOtherKeys() {
        var one = new DropoutMask(0.5, DropoutMask.key(3, 4));
        var other = new DropoutMask(0.5, DropoutMask.key(4, 3));
        int equal = 0;
        for (int i = 0; i < N; i++) { equal += one.keeps(i) == other.keeps(i) ? 1 : 0; }
        assertThat((double) equal / N).isCloseTo(0.5, within(0.0025));
    }
}
