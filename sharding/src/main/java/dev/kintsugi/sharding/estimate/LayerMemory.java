package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import java.util.List;

/// Bytes that what is special about one block of an adapted model takes for a moment in the step arena: see `worker.autograd.LowRank`, and
/// `worker.autograd.Norm` for gains that are frozen.
///
/// @param N rows
/// @param dropout whether A's input is dropped out
/// @param frozenNorms whether norms' gradients are made for nobody
/// @param trained what the block trains; adapters among it
record LayerMemory(long N, TensorBytes bytes, boolean dropout, boolean frozenNorms, List<ParameterSpec> trained) {
    LayerMemory {
        trained = List.copyOf(trained);
    }

    /// All is trained, or nothing ever is.
    static LayerMemory plain(long N, TensorBytes bytes) {
        return new LayerMemory(N, bytes, false, false, List.of());
    }

    static LayerMemory of(ModelPlan model, int layer, long N, TensorBytes bytes) {
        if (model.lora().isEmpty()) { return plain(N, bytes); }
        List<ParameterSpec> trained = model.trained().unit(layer).map(u -> u.spec().parameters()).orElse(List.of());
        return new LayerMemory(N, bytes, model.lora().get().dropout() > 0, true, trained);
    }

    /// For inference, which drops nothing out.
    ///
    /// @param block the name of a block
    static LayerMemory of(AdaptedModel model, String block, long N, TensorBytes bytes) {
        List<ParameterSpec> adapters = model.trained().units().stream().filter(u -> u.name().equals(block)).flatMap(u -> u.parameters().stream()).toList();
        return new LayerMemory(N, bytes, false, false, adapters);
    }

    /// The most of several layers' adapters: A's input if it is dropped out, and what A makes of it. The gradient of the input takes as much.
    long forward(String... layers) {
        long most = 0;
        for (String layer : layers) { most = Math.max(most, adapter(layer, 1)); }
        return most;
    }

    /// The same, and the gradient of what A makes.
    long gradients(String... layers) {
        long most = 0;
        for (String layer : layers) { most = Math.max(most, adapter(layer, 2)); }
        return most;
    }

    private long adapter(String layer, int narrow) {
        for (ParameterSpec p : trained) {
            if (p.name().endsWith("." + layer + AdaptedModel.A)) {
                return (dropout ? bytes.value(N * p.rowNumel()) : 0) + narrow * bytes.value(N * p.rows());
            }
        }
        return 0;
    }

    /// The gradients of a frozen norm's `vectors` parameters of C elements. Counted too where a norm is trained as a whole beside adapters.
    long frozenNorm(long C, int vectors) {
        return frozenNorms ? vectors * TensorBytes.statistic(C) : 0;
    }
}
