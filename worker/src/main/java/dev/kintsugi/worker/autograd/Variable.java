package dev.kintsugi.worker.autograd;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.memory.Tensor;

/// A value of the computation, and in the backward pass its gradient (same shape and dtype).
///
/// A gradient is borrowed when a caller sets it, or when it is a tensor of some other gradient's memory; it is owned when the tape
/// allocated it for this variable, and then the tape frees it after the operation that made the variable has used it.
public final class Variable {
    private final Tensor data;
    private Tensor grad;
    private long gradBottom = -1;          // the arena's marks around an owned gradient; -1: not owned
    private long gradTop = -1;

    private Variable(Tensor data) {
        this.data = requireNonNull(data, "data is null");
    }

    public static Variable of(Tensor data) {
        return new Variable(data);
    }

    public Tensor data() {
        return data;
    }

    /// Null until something gave it one.
    public Tensor grad() {
        return grad;
    }

    /// Lends the variable a gradient. The backward pass reads it, and may add to it.
    ///
    /// @throws IllegalArgumentException if `grad` has another numel or dtype than the data
    public void setGrad(Tensor grad) {
        if (grad.numel() != data.numel() || grad.dtype() != data.dtype()) {
            throw new IllegalArgumentException("gradient %s of a variable %s".formatted(grad, data));
        }
        this.grad = grad;
    }

    void ownGrad(Tensor newGrad, long bottom, long top) {
        setGrad(newGrad);
        gradBottom = bottom;
        gradTop = top;
    }

    /// Makes `from`'s gradient, seen in this variable's shape, also this variable's; an owned one has its new owner here, since the
    /// operation that made this variable is the last to use it.
    void takeGrad(Variable from) {
        ownGrad(from.grad.reshape(data.shape()), from.gradBottom, from.gradTop);
        from.gradBottom = -1;
        from.gradTop = -1;
    }

    long gradBottom() {
        return gradBottom;
    }

    long gradTop() {
        return gradTop;
    }
}
