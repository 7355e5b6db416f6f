package dev.kintsugi.sharding.architecture;

/// How rotary frequencies are stretched for contexts longer than the pretraining one, as in Transformers' `rope_scaling`.
public sealed interface RopeScaling {
    /// `default`: frequencies as they are.
    record None() implements RopeScaling {}

    /// `linear`: every frequency divided by `factor`.
    record Linear(double factor) implements RopeScaling {}

    /// `llama3`: long wavelengths divided by `factor`, short ones kept, a smooth passage between (Llama 3.1).
    record Llama3(double factor, double lowFreqFactor, double highFreqFactor,
            double originalMaxPositions) implements RopeScaling {}
}
