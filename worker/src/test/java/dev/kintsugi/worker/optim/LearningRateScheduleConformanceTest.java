package dev.kintsugi.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.optimizer.RateShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Every step's rate against transformers' `get_scheduler`: `src/test/python/optimizer_fixtures.py`.
class LearningRateScheduleConformanceTest {
    static Stream<JsonNode> cases() throws IOException {
        return JsonMapper.shared().readTree(Files.readString(Path.of("src/test/resources/optimizers/schedules.json"))).valueStream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldGoAsInTransformers(JsonNode c) {
        double peak = c.get("peak").asDouble();
        var schedule = new LearningRateSchedule(RateShape.of(c.get("name").asString(), c.get("kwargs").toString(), peak), peak, c.get("warmup").asLong(),
                c.get("max_steps").asLong());
        for (int k = 0; k < c.get("rates").size(); k++) {
            double expected = c.get("rates").get(k).asDouble();
            assertThat(schedule.at(k)).as("%s %s step %d", c.get("name"), c.get("kwargs"), k).isCloseTo(expected, within(1e-12 * peak));
        }
    }

    @Test
    void shouldKnowEveryName() throws IOException {
        assertThat(cases().map(c -> c.get("name").asString()).distinct()).containsExactlyInAnyOrderElementsOf(RateShape.NAMES);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            lineal | | --lr_scheduler_type=lineal is unknown; use one of linear, cosine,
            reduce_lr_on_plateau | | goes by evaluations, which do not change rates here
            linear | power=2 | --lr_scheduler_kwargs power is not for --lr_scheduler_type linear, which takes none
            cosine | cycles=2 | --lr_scheduler_kwargs cycles is not for --lr_scheduler_type cosine, which takes num_cycles
            cosine | num_cycles=many | --lr_scheduler_kwargs num_cycles=many is not a number
            cosine | {"num_cycles" | --lr_scheduler_kwargs={"num_cycles" is not valid JSON
            cosine_with_min_lr | | needs one of --lr_scheduler_kwargs min_lr=RATE and min_lr_rate=FACTOR
            cosine_with_min_lr | min_lr=0,min_lr_rate=0 | needs one of
            polynomial | lr_end=0.01 | --lr_scheduler_kwargs lr_end=0.01 must be below --learning_rate=0.01
            warmup_stable_decay | | needs --lr_scheduler_kwargs num_decay_steps=STEPS
            warmup_stable_decay | num_decay_steps=3,decay_type=step | --lr_scheduler_kwargs decay_type=step is unknown; use one of linear, cosine, 1-sqrt
            """)
    void shouldSayWhatIsWrong(String name, String kwargs, String message) {
        assertThatThrownBy(() -> RateShape.of(name, kwargs == null ? "" : kwargs, 0.01)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }
}
