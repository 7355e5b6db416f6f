package dev.kintsugi.worker.autograd;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The weights of one unit, by name, as views of its unsharded buffer. Valid as long as that buffer is.
public final class UnitParameters {
    private final String unit;
    private final LoraConfig lora;
    private final Map<String, Parameter> byName = new HashMap<>();
    private boolean adaptersOn = true;

    private UnitParameters(String unit, LoraConfig lora) {
        this.unit = unit;
        this.lora = lora;
    }

    /// Nothing yet of one layer of a model.
    ///
    /// @param layer its name, which its parameters' begin with
    public static UnitParameters of(String layer, Optional<LoraConfig> lora) {
        return new UnitParameters(layer, lora.orElse(null));
    }

    /// Adds what a unit has of the layer.
    ///
    /// @param unsharded the unit's weights, laid out as the plan says
    /// @param gradientOrNull their gradients in the same layout; null if they are frozen
    /// @param dtype of the weights
    /// @param gradientDtype of the gradients
    /// @return this
    public UnitParameters add(UnitPlan plan, MemorySegment unsharded, MemorySegment gradientOrNull, DType dtype, DType gradientDtype) {
        for (ParameterPlan p : plan.parameters()) {
            Tensor grad = gradientOrNull == null ? null : view(p, gradientOrNull, gradientDtype);
            put(new Parameter(p.spec().name(), view(p, unsharded, dtype), grad));
        }
        return this;
    }

    /// Whole tensors by their full names, without gradients: for inference.
    ///
    /// @param adapters of the model, whose weights are among the others; null for none
    /// @throws IllegalArgumentException if one is missing or not of the shape that the model gives it
    public static UnitParameters of(UnitSpec unit, Map<String, Tensor> weights, AdaptedModel adapters) {
        var parameters = new UnitParameters(unit.name(), adapters == null ? null : adapters.lora());
        unit.parameters().forEach(p -> parameters.put(p, weights));
        if (adapters != null) {
            adapters.trained().units().stream().filter(u -> u.name().equals(unit.name())).flatMap(u -> u.parameters().stream())
                    .forEach(p -> parameters.put(p, weights));
        }
        return parameters;
    }

    private void put(ParameterSpec p, Map<String, Tensor> weights) {
        Tensor data = weights.get(p.name());
        if (data == null || !Arrays.equals(data.shape(), shape(p))) {
            throw new IllegalArgumentException("weight %s=%s; the model wants %s".formatted(p.name(), data, p.shape()));
        }
        put(new Parameter(p.name(), data, null));
    }

    private static Tensor view(ParameterPlan p, MemorySegment unit, DType dtype) {
        long bytes = p.spec().numel() * dtype.bytes();
        return new Tensor(unit.asSlice(p.unshardedOffset() * dtype.bytes(), bytes), dtype, shape(p.spec()));
    }

    private static long[] shape(ParameterSpec p) {
        return p.shape().stream().mapToLong(Long::longValue).toArray();
    }

    private void put(Parameter p) {
        byName.put(p.name(), p);
        if (p.name().startsWith(unit + ".")) { byName.put(p.name().substring(unit.length() + 1), p); }
    }

    /// @param name full, or what follows the unit's own name: `self_attn.q_proj.weight` of `model.layers.3`
    /// @throws IllegalArgumentException if the unit has no such parameter
    public Parameter get(String name) {
        Parameter p = byName.get(name);
        if (p == null) { throw new IllegalArgumentException("unit %s has no parameter %s".formatted(unit, name)); }
        return p;
    }

    /// Whether adapters add anything from now on; they do at first. Without them the layer is the base model's, to the bit.
    public void useAdapters(boolean use) {
        adaptersOn = use;
    }

    /// The adapter of these two halves, or null where there is none, or none is used.
    public LowRank adapter(String a, String b) {
        return adaptersOn && contains(a) ? new LowRank(get(a), get(b), lora.scale(), lora.dropout()) : null;
    }

    /// The full name of the weight that lies, or whose gradient lies, where `tensor` does; empty where there is none.
    public String nameOf(Tensor tensor) {
        long address = tensor.data().address();
        return byName.values().stream().filter(p -> p.data().data().address() == address || p.grad() != null && p.grad().data().address() == address)
                .map(Parameter::name).findFirst().orElse("");
    }

    public boolean contains(String name) {
        return byName.containsKey(name);
    }
}
