package dev.kintsugi.worker.kernel.reference;

import dev.kintsugi.sharding.architecture.Activation;

/// GELU as its definitions have it, in fp64.
final class ReferenceGelu {
    private ReferenceGelu() {}

    /// What x is multiplied by.
    static double distribution(double x, Activation kind) {
        return switch (kind) {
            case GELU -> x < 0 ? tail(-x) : 1 - tail(x);
            case GELU_TANH -> 1 / (1 + Math.exp(-2 * u(x)));
        };
    }

    static double density(double x, Activation kind) {
        return switch (kind) {
            case GELU -> Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
            case GELU_TANH -> {
                double p = distribution(x, kind);
                yield 2 * p * (1 - p) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
            }
        };
    }

    private static double u(double x) {
        return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    }

    /// `P(X > x)` for `x >= 0`: the Taylor series of the error function (Abramowitz and Stegun 26.2.11) where it converges fast, the continued fraction of
    /// its complement (26.2.14) beyond.
    private static double tail(double x) {
        double density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
        if (x < 3) {
            double term = x;
            double sum = x;
            for (int k = 1; term > 1e-18 * sum; k++) {
                term *= x * x / (2 * k + 1);
                sum += term;
            }
            return 0.5 - density * sum;
        }
        double fraction = x;
        for (int k = 50; k > 0; k--) { fraction = x + k / fraction; }
        return density / fraction;
    }
}
