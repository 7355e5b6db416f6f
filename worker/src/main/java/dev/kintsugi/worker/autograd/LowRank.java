package dev.kintsugi.worker.autograd;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;

/// What an adapter adds to a linear layer: `y += s B A d(x)`, where d is dropout in training ([Hu et al. 2021](https://arxiv.org/abs/2106.09685)).
///
/// ```
/// N rows   K inputs   O outputs   r rank   A (r, K)   B (O, r)   h = s A d(x) (N, r)
/// dB = dy^T h     dh = s dy B     dA = dh^T d(x)     dx += d'(dh A)
/// ```
/// Nothing is kept between the passes: h is r / O of the layer's own work to make again, and the mask is a function of its key.
///
/// @param scale s
/// @param dropout probability that an element of x is dropped
public record LowRank(Parameter a, Parameter b, double scale, double dropout) {
    public LowRank {
        requireNonNull(a, "a is null");
        requireNonNull(b, "b is null");
    }

    /// @param y (N, O), added to
    void forward(Tape tape, Tensor y, Tensor x) {
        long mark = tape.arena().mark();
        Tensor h = narrow(tape, x);
        project(tape, h, dropped(tape, x));
        tape.kernels().linearAdd(y, h, b.data());
        tape.arena().release(mark);
    }

    /// Adds to the gradients of A and B.
    void addGradients(Tape tape, Tensor dy, Tensor x) {
        Kernels kernels = tape.kernels();
        StepArena arena = tape.arena();
        if (a.grad() == null) { return; }
        long mark = arena.mark();
        Tensor h = narrow(tape, x);
        Tensor input = dropped(tape, x);
        project(tape, h, input);
        kernels.linearBackwardWeight(b.grad(), null, dy, h, !b.takeBegun());
        Tensor dh = narrow(tape, x);
        narrowGradient(kernels, dh, dy);
        kernels.linearBackwardWeight(a.grad(), null, dh, input, !a.takeBegun());
        arena.release(mark);
    }

    /// @param dx (N, K), added to
    void addInputGradient(Tape tape, Tensor dx, Tensor dy) {
        Kernels kernels = tape.kernels();
        StepArena arena = tape.arena();
        long mark = arena.mark();
        Tensor dh = narrow(tape, dy);
        narrowGradient(kernels, dh, dy);
        if (dropsOut(tape)) {
            Tensor dropped = arena.allocate(dx.dtype(), dx.shape());
            kernels.linearBackwardInput(dropped, dh, a.data(), false);
            kernels.dropout(dx, dropped, mask(tape), 0, true);
        } else {
            kernels.linearBackwardInput(dx, dh, a.data(), true);
        }
        arena.release(mark);
    }

    private Tensor narrow(Tape tape, Tensor like) {
        return tape.arena().allocate(like.dtype(), like.dim(0), a.data().dim(0));
    }

    private void project(Tape tape, Tensor h, Tensor input) {
        tape.kernels().linear(h, input, a.data(), null);
        tape.kernels().scale(h, scale);
    }

    private void narrowGradient(Kernels kernels, Tensor dh, Tensor dy) {
        kernels.linearBackwardInput(dh, dy, b.data(), false);
        kernels.scale(dh, scale);
    }

    /// x itself where nothing is dropped.
    private Tensor dropped(Tape tape, Tensor x) {
        if (!dropsOut(tape)) { return x; }
        Tensor dropped = tape.arena().allocate(x.dtype(), x.shape());
        tape.kernels().dropout(dropped, x, mask(tape), 0, false);
        return dropped;
    }

    private boolean dropsOut(Tape tape) {
        return dropout > 0 && tape.dropoutKey().isPresent();
    }

    /// Each adapter has masks of its own.
    private DropoutMask mask(Tape tape) {
        return new DropoutMask(dropout, DropoutMask.key(tape.dropoutKey().getAsLong(), a.name().hashCode()));
    }
}
