package dev.kintsugi.sharding.architecture;

/// What an MLP without a gate does to its hidden values.
public enum Activation {
    /// `x P(X <= x)`, X standard normal (Hendrycks and Gimpel 2016).
    GELU,
    /// Its approximation by a hyperbolic tangent.
    GELU_TANH
}
