package dev.kintsugi.sharding.architecture;

/// The angles per position of rotary embeddings, as Transformers' `modeling_rope_utils` computes `inv_freq`.
public final class RotaryFrequencies {
    private RotaryFrequencies() {}

    /// `rotaryDim / 2` frequencies in radians a position: `theta^(-2i / rotaryDim)`, then stretched.
    public static double[] of(ModelConfig config) {
        var frequencies = new double[config.rotaryDim() / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double frequency = Math.pow(config.ropeTheta(), -2.0 * i / config.rotaryDim());
            frequencies[i] = switch (config.ropeScaling()) {
                case RopeScaling.None _ -> frequency;
                case RopeScaling.Linear(double factor) -> frequency / factor;
                case RopeScaling.Llama3 scaling -> llama3(frequency, scaling);
            };
        }
        return frequencies;
    }

    /// Frequencies that turn fewer than `lowFreqFactor` times in the original context are divided by `factor`, those that turn more
    /// than `highFreqFactor` times are kept, and those between are mixed in proportion to their turns.
    private static double llama3(double frequency, RopeScaling.Llama3 scaling) {
        double turns = scaling.originalMaxPositions() * frequency / (2 * Math.PI);
        double kept = (turns - scaling.lowFreqFactor()) / (scaling.highFreqFactor() - scaling.lowFreqFactor());
        double share = Math.clamp(kept, 0, 1);
        return (1 - share) * frequency / scaling.factor() + share * frequency;
    }
}
