package dev.kintsugi.client.spec;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
    @ParameterizedTest
    @CsvSource({"max_step, max_steps", "max_stpes, max_steps", "--learning-rate, learning_rate", "LearningRate, learning_rate",
            "warm_up_steps, warmup_steps", "per_device_trian_batch_size, per_device_train_batch_size"})
    void shouldFindWhatWasMeant(String typed, String meant) {
        assertThat(Nearest.to(typed, JobFields.names())).contains(meant);
    }

    @Test
    void shouldOfferNothingWhenNothingIsNear() {
        assertThat(Nearest.hint("zebra", JobFields.names())).isEmpty();
    }

    @Test
    void shouldCountASwapAsOneMistake() {
        assertThat(Nearest.distance("trian", "train")).isEqualTo(1);
        assertThat(Nearest.distance("kitten", "sitting")).isEqualTo(3);
        assertThat(Nearest.hint("trian", List.of("train", "watch"))).isEqualTo("; did you mean train?");
    }
}
