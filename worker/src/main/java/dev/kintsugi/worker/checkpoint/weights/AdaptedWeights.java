package dev.kintsugi.worker.checkpoint.weights;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.lang.foreign.MemorySegment;

/// New adapters for a model, and the model's own weights for what is trained beside them. Owns neither.
public record AdaptedWeights(WeightSource adapters, WeightSource model) implements WeightSource {
    private WeightSource of(ParameterSpec p) {
        return AdaptedModel.isAdapter(p.name()) ? adapters : model;
    }

    @Override
    public ElementType type(ParameterSpec p) {
        return of(p).type(p);
    }

    @Override
    public void readRaw(ParameterSpec p, long firstRow, long rows, MemorySegment into, long offsetBytes) {
        of(p).readRaw(p, firstRow, rows, into, offsetBytes);
    }

    @Override
    public String identity() {
        return adapters.identity() + " on " + model.identity();
    }
}
