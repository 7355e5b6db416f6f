package dev.kintsugi.sharding.estimate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.RopeScaling;
import org.junit.jupiter.api.Test;

/// The well-known run: Llama 2 70B, 500 steps of 16 samples of 2048 tokens in 13.5 hours on 16 GPUs of 312 TFLOP/s each.
class ModelFlopsTest {
    private static final long TOKENS = 2048L * 16 * 500;
    private static final double SECONDS = 13.5 * 3600;
    private static final double PEAK = 312e12;
    private static final double PUBLISHED_FLOPS_PER_SECOND = 1.42e14;

    @Test
    void shouldCountSixOperationsAParameterAndToken() {
        assertThat(TOKENS).isEqualTo(16_384_000);
        double flops = ModelFlops.training(70_000_000_000L, TOKENS);
        assertThat(flops).isCloseTo(6.89e18, within(0.01e18));
        assertThat(flops / SECONDS).isCloseTo(PUBLISHED_FLOPS_PER_SECOND, within(0.005e14));
    }

    @Test
    void shouldGiveTheArticlesFigureByTheArticlesMethodWhichForgetsTheRanks() {
        assertThat(ModelFlops.utilization(PUBLISHED_FLOPS_PER_SECOND, 1, PEAK)).isCloseTo(0.4551, within(0.00005));
    }

    @Test
    void shouldDivideByAllRanks() {
        assertThat(ModelFlops.utilization(PUBLISHED_FLOPS_PER_SECOND, 16, PEAK)).isCloseTo(0.0284, within(0.00005));
        assertThat(ModelFlops.utilization(ModelFlops.training(70_000_000_000L, TOKENS) / SECONDS, 16, PEAK)).isCloseTo(0.0284, within(0.00005));
    }

    @Test
    void shouldCountHalfOfTheScoresForAttention() {
        var config = new LlamaConfig(768, 2048, 12, 12, 4, 64, 32_000, 512, 1e-5, 10_000, new RopeScaling.None(), false, false, false, 0.02);
        // Per head and sample: forward 2 products of T x T x d multiplications and additions, half of them masked; backward twice that.
        double product = 2.0 * 512 * 512 * 64;
        assertThat(ModelFlops.attention(config, 8, 512)).isEqualTo(12 * 12 * 8 * 3 * (2 * product / 2));
    }

    @Test
    void shouldRefuseAPeakThatIsNotPositive() {
        assertThatIllegalArgumentException().isThrownBy(() -> ModelFlops.utilization(1, 1, 0)).withMessageContaining("peakOfRank=0.0");
        assertThatIllegalArgumentException().isThrownBy(() -> ModelFlops.utilization(1, 0, 1)).withMessageContaining("ranks=0");
    }
}
