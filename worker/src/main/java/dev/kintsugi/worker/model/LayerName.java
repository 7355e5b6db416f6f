package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.worker.autograd.Linear;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.memory.Tensor;

/// The names of what a layer may have within its unit, put together once instead of in every step.
record LayerName(String weightName, String biasName, String aName, String bName) {
    static LayerName of(String layer) {
        return new LayerName(layer + ".weight", layer + ".bias", layer + AdaptedModel.A, layer + AdaptedModel.B);
    }

    Parameter weight(UnitParameters unit) {
        return unit.get(weightName);
    }

    /// Null if it has none.
    Parameter bias(UnitParameters unit) {
        return unit.contains(biasName) ? unit.get(biasName) : null;
    }

    /// With its adapter, if the unit has one for it, and uses it.
    Linear linear(UnitParameters unit) {
        return new Linear(weight(unit), bias(unit), unit.adapter(aName, bName));
    }

    Tape.Projection projection(UnitParameters unit, Tensor y) {
        return new Tape.Projection(y, linear(unit));
    }
}
