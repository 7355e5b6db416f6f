package dev.kintsugi.worker.autograd;

import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;

/// The root-mean-square norm of rows, with its gain (C).
public record Norm(Parameter gain, double eps) {
    /// What backward needs of each row of `x`, uninitialised.
    public Tensor allocateStatistics(StepArena arena, Tensor x) {
        return arena.allocate(Kernels.statistics(x.dtype()), x.dim(0));
    }

    /// Writes `y (N, C)` and the statistics.
    public void forward(Kernels kernels, Tensor y, Tensor statistics, Tensor x) {
        kernels.rmsNorm(y, statistics, x, gain.data(), eps);
    }

    /// Adds to `dx (N, C)` and to the gain's gradient. What it allocates it gives back.
    public void backward(Kernels kernels, StepArena arena, Tensor dx, Tensor dy, Tensor x, Tensor statistics) {
        long mark = arena.mark();
        kernels.rmsNormBackward(dx, gradient(gain, kernels, arena), dy, x, gain.data(), statistics);
        arena.release(mark);
    }

    /// Kernels make all gradients in one pass, so a frozen parameter's goes to a tensor that nobody reads.
    private static Tensor gradient(Parameter p, Kernels kernels, StepArena arena) {
        if (p.grad() != null) { return p.begunGrad(kernels); }
        Tensor unread = arena.allocate(Kernels.statistics(p.data().dtype()), p.data().numel());
        kernels.fill(unread, 0);
        return unread;
    }
}
