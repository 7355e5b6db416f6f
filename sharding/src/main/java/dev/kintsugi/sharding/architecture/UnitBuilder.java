package dev.kintsugi.sharding.architecture;

import java.util.ArrayList;
import java.util.List;

/// Collects the parameters of a unit: the few kinds that models are made of.
final class UnitBuilder {
    private final List<ParameterSpec> parameters = new ArrayList<>();
    private final double initializerRange;

    /// @param initializerRange standard deviation of matrices
    UnitBuilder(double initializerRange) {
        this.initializerRange = initializerRange;
    }

    UnitBuilder matrix(String name, long out, long in) {
        parameters.add(new ParameterSpec(name, List.of(out, in), new InitRule.Normal(initializerRange), true));
        return this;
    }

    /// `name.weight`, and `name.bias` if it has one.
    UnitBuilder linear(String name, long out, long in, boolean bias) {
        matrix(name + ".weight", out, in);
        return bias ? constant(name + ".bias", out, 0) : this;
    }

    /// The gain `name.weight` of a norm.
    UnitBuilder gain(String name, long channels) {
        return constant(name + ".weight", channels, 1);
    }

    /// Gain and bias of a norm that centres.
    UnitBuilder layerNorm(String name, long channels) {
        return gain(name, channels).constant(name + ".bias", channels, 0);
    }

    private UnitBuilder constant(String name, long channels, double value) {
        parameters.add(new ParameterSpec(name, List.of(channels), new InitRule.Constant(value), false));
        return this;
    }

    UnitSpec build(String unit, UnitSpec.Kind kind) {
        return new UnitSpec(unit, kind, parameters);
    }
}
