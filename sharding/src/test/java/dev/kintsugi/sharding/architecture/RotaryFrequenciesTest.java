package dev.kintsugi.sharding.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.api.Test;

/// Expected numbers are `inv_freq` of Transformers 5.18, which has them in fp32: hence the tolerance.
class RotaryFrequenciesTest {
    private static final double PERCENT = 1e-4;

    @Test
    void shouldStretchLongWavelengthsOfLlama31() {
        double[] f = RotaryFrequencies.of(config(500_000, new RopeScaling.Llama3(8, 1, 4, 8192)));
        assertThat(f).hasSize(64);
        expect(f, 0, 1.0);
        expect(f, 10, 0.12868738174438477);
        expect(f, 28, 0.0032114461064338684);
        expect(f, 29, 0.0021665706299245358);
        expect(f, 32, 0.0005248460220173001);
        expect(f, 36, 7.784655463183299e-05);
        expect(f, 63, 3.068925877869333e-07);
    }

    @Test
    void shouldDivideAllWhenLinear() {
        double[] f = RotaryFrequencies.of(config(10_000, new RopeScaling.Linear(4)));
        expect(f, 0, 0.25);
        expect(f, 1, 0.21649108827114105);
        expect(f, 63, 2.8869548259535804e-05);
    }

    private static void expect(double[] frequencies, int i, double expected) {
        assertThat(frequencies[i]).isCloseTo(expected, withinPercentage(PERCENT));
    }

    private static ModelConfig config(double theta, RopeScaling scaling) {
        return new LlamaConfig(4096, 14336, 32, 32, 8, 128, 128_256, 131_072, 1e-5, theta, scaling, false, false, false, 0.02);
    }
}
