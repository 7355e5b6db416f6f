package dev.kintsugi.worker.autograd;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Tensor;

/// An unsharded weight and its unsharded gradient, both borrowed.
///
/// A gradient is either begun or holds something: the first operation after [#beginGradient] overwrites it, later ones add to it, so that
/// nobody has to write zeros first. A new parameter's gradient counts as holding something.
public final class Parameter {
    private final String name;
    private final Tensor data;
    private final Tensor grad;
    private boolean isBegun;

    /// @param grad null when the weight is frozen, or no backward pass follows
    public Parameter(String name, Tensor data, Tensor grad) {
        this.name = requireNonNull(name, "name is null");
        this.data = requireNonNull(data, "data is null");
        this.grad = grad;
    }

    public String name() {
        return name;
    }

    public Tensor data() {
        return data;
    }

    public Tensor grad() {
        return grad;
    }

    /// What the gradient holds counts for nothing from here on.
    public void beginGradient() {
        isBegun = true;
    }

    /// The gradient, for a kernel that will add to it.
    Tensor begunGrad(Kernels kernels) {
        if (takeBegun()) { kernels.fill(grad, 0); }
        return grad;
    }

    /// Whether the gradient still holds nothing. Who asks must write it: over what is there if so, in addition to it if not.
    public boolean takeBegun() {
        boolean begun = isBegun;
        isBegun = false;
        return begun;
    }
}
