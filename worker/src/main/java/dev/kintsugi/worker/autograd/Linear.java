package dev.kintsugi.worker.autograd;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.memory.Tensor;

/// A linear layer: `y (N, O) = x (N, K) w (O, K)^T + bias (O)`, and what an adapter adds. The weight is frozen where it has no gradient.
///
/// @param bias may be null
/// @param adapter may be null
public record Linear(Parameter w, Parameter bias, LowRank adapter) {
    public Linear {
        requireNonNull(w, "w is null");
    }

    long outputs() {
        return w.data().dim(0);
    }

    /// Writes y.
    void forward(Tape tape, Tensor y, Tensor x) {
        tape.kernels().linear(y, x, w.data(), bias == null ? null : bias.data());
        if (adapter != null) { adapter.forward(tape, y, x); }
    }

    /// Adds to the gradients of what is trained.
    void addGradients(Tape tape, Tensor dy, Tensor x) {
        if (w.grad() != null) {
            Tensor dbias = bias == null || bias.grad() == null ? null : bias.begunGrad(tape.kernels());
            tape.kernels().linearBackwardWeight(w.grad(), dbias, dy, x, !w.takeBegun());
        }
        if (adapter != null) { adapter.addGradients(tape, dy, x); }
    }

    /// Writes dx, or adds to it when `accumulate`.
    void backwardInput(Tape tape, Tensor dx, Tensor dy, boolean accumulate) {
        tape.kernels().linearBackwardInput(dx, dy, w.data(), accumulate);
        if (adapter != null) { adapter.addInputGradient(tape, dx, dy); }
    }
}
