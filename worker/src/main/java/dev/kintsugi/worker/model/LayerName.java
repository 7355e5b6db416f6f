package dev.kintsugi.worker.model;

import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.memory.Tensor;

/// The names of a layer's weight and bias within its unit, put together once instead of in every step.
record LayerName(String weightName, String biasName) {
    static LayerName of(String layer) {
        return new LayerName(layer + ".weight", layer + ".bias");
    }

    Parameter weight(UnitParameters unit) {
        return unit.get(weightName);
    }

    /// Null if it has none.
    Parameter bias(UnitParameters unit) {
        return unit.contains(biasName) ? unit.get(biasName) : null;
    }

    Tape.Projection projection(UnitParameters unit, Tensor y) {
        return new Tape.Projection(y, weight(unit), bias(unit));
    }
}
