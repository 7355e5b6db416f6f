package dev.kintsugi.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final int DRAWS = 20_000;

    @Test
    void shouldTakeTheFirstOfTheLikeliestWhenGreedy() {
        assertThat(new Sampler.Greedy().next(logits(-1, 3, 2, 3), 0)).isEqualTo(1);
        assertThat(new Sampler.Greedy().next(logits(5), 0)).isZero();
    }

    @Test
    void shouldDrawByProbability() {
        // softmax of (ln 1, ln 2, ln 5) is (0.125, 0.25, 0.625); at temperature 0.5 weights are squared: (1, 4, 25) / 30.
        Tensor logits = logits(0, (float) Math.log(2), (float) Math.log(5));
        assertShares(shares(new Sampler.Random(1, 0, 1, 42), logits), 0.125, 0.25, 0.625);
        assertShares(shares(new Sampler.Random(0.5, 0, 1, 42), logits), 1 / 30.0, 4 / 30.0, 25 / 30.0);
    }

    @Test
    void shouldKeepOnlyTheLikeliest() {
        Tensor logits = logits(0, (float) Math.log(2), (float) Math.log(5));
        assertShares(shares(new Sampler.Random(1, 2, 1, 42), logits), 0, 2 / 7.0, 5 / 7.0);
        assertShares(shares(new Sampler.Random(1, 1, 1, 42), logits), 0, 0, 1);
        assertShares(shares(new Sampler.Random(1, 99, 1, 42), logits), 0.125, 0.25, 0.625);
    }

    @Test
    void shouldKeepTheFewestThatReachTopP() {
        Tensor logits = logits(0, (float) Math.log(2), (float) Math.log(5));
        assertShares(shares(new Sampler.Random(1, 0, 0.6, 42), logits), 0, 0, 1);
        assertShares(shares(new Sampler.Random(1, 0, 0.7, 42), logits), 0, 2 / 7.0, 5 / 7.0);
        assertShares(shares(new Sampler.Random(1, 0, 0.9, 42), logits), 0.125, 0.25, 0.625);
        // Of the two that top_k leaves, the first alone has 5/7.
        assertShares(shares(new Sampler.Random(1, 2, 0.7, 42), logits), 0, 0, 1);
    }

    private static double[] shares(Sampler sampler, Tensor logits) {
        double[] shares = new double[(int) logits.numel()];
        for (int position = 0; position < DRAWS; position++) { shares[sampler.next(logits, position)] += 1.0 / DRAWS; }
        return shares;
    }

    /// The seed is fixed; 0.015 is over four standard deviations of the largest share.
    private static void assertShares(double[] actual, double... expected) {
        for (int i = 0; i < expected.length; i++) {
            if (expected[i] == 0) {
                assertThat(actual[i]).isZero();
            } else {
                assertThat(actual[i]).as(Arrays.toString(actual)).isBetween(expected[i] - 0.015, expected[i] + 0.015);
            }
        }
    }

    @Test
    void shouldOrderNegativeLogitsToo() {
        assertThat(new Sampler.Random(1, 1, 1, 1).next(logits(-3, -1, -2, -0f), 0)).isEqualTo(3);
        assertThat(new Sampler.Random(1, 1, 1, 1).next(logits(-3, -1, -2), 0)).isEqualTo(1);
        assertThat(new Sampler.Random(1, 1, 1, 1).next(logits(-0f, 0f, -0f), 0)).isZero();
    }

    @Test
    void shouldRefuseLogitsThatAreNoNumbers() {
        for (Sampler sampler : new Sampler[] {new Sampler.Greedy(), new Sampler.Random(1, 0, 1, 1)}) {
            assertThatThrownBy(() -> sampler.next(logits(1, Float.NaN), 0)).isInstanceOf(WorldException.class).hasMessageContaining("NaN");
        }
    }

    @Test
    void shouldRefuseSettingsThatMakeNoSense() {
        assertThatThrownBy(() -> new Sampler.Random(0, 0, 1, 1)).isInstanceOf(CallerException.class).hasMessageContaining("--temperature");
        assertThatThrownBy(() -> new Sampler.Random(1, -1, 1, 1)).isInstanceOf(CallerException.class).hasMessageContaining("--top_k");
        assertThatThrownBy(() -> new Sampler.Random(1, 0, 0, 1)).isInstanceOf(CallerException.class).hasMessageContaining("--top_p");
    }

    private static Tensor logits(float... values) {
        var data = Arena.ofAuto().allocate(4L * values.length, 64);
        MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
        return new Tensor(data, DType.F32, 1, values.length);
    }
}
