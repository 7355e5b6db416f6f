package dev.kintsugi.worker.autograd;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.memory.Tensor;

/// An unsharded weight and its unsharded gradient, both borrowed.
///
/// @param grad what kernels add to, zeroed by the caller before; null when the weight is frozen, or no backward pass follows
public record Parameter(String name, Tensor data, Tensor grad) {
    public Parameter {
        requireNonNull(name, "name is null");
        requireNonNull(data, "data is null");
    }
}
