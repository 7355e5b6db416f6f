package dev.kintsugi.worker.autograd;

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

/// The weights of one unit, by name, as views of its unsharded buffer. Valid as long as that buffer is.
public final class UnitParameters {
    private final String unit;
    private final Map<String, Parameter> byName = new HashMap<>();

    private UnitParameters(String unit) {
        this.unit = unit;
    }

    /// @param unsharded the unit's weights, laid out as the plan says
    /// @param gradientOrNull their gradients in the same layout; null for inference
    /// @param dtype of the weights
    /// @param gradientDtype of the gradients
    public static UnitParameters of(UnitPlan plan, MemorySegment unsharded, MemorySegment gradientOrNull, DType dtype, DType gradientDtype) {
        var parameters = new UnitParameters(plan.name());
        for (ParameterPlan p : plan.parameters()) {
            Tensor grad = gradientOrNull == null ? null : view(p, gradientOrNull, gradientDtype);
            parameters.put(new Parameter(p.spec().name(), view(p, unsharded, dtype), grad));
        }
        return parameters;
    }

    /// Whole tensors by their full names, without gradients: for inference.
    ///
    /// @throws IllegalArgumentException if one is missing or not of the shape that the model gives it
    public static UnitParameters of(UnitSpec unit, Map<String, Tensor> weights) {
        var parameters = new UnitParameters(unit.name());
        for (ParameterSpec p : unit.parameters()) {
            Tensor data = weights.get(p.name());
            if (data == null || !Arrays.equals(data.shape(), shape(p))) {
                throw new IllegalArgumentException("weight %s=%s; the model wants %s".formatted(p.name(), data, p.shape()));
            }
            parameters.put(new Parameter(p.name(), data, null));
        }
        return parameters;
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
