package dev.kintsugi.sharding.architecture;

/// How a parameter starts when a model is trained from scratch.
public sealed interface InitRule {
    /// Normal with mean 0 and the given standard deviation.
    record Normal(double standardDeviation) implements InitRule {}

    /// Uniform in `(-bound, bound)`: with `1 / sqrt(K)` what PyTorch gives a linear layer of K inputs, and PEFT an adapter's A.
    record Uniform(double bound) implements InitRule {}

    /// The same value everywhere: 1 for norm gains, 0 for biases.
    record Constant(double value) implements InitRule {}
}
