package dev.kintsugi.worker.autograd;

import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;

/// A norm of rows (N, C) with its parameters (C).
public sealed interface Norm {
    /// To a root mean square of 1, times a gain.
    record Rms(Parameter gain, double eps) implements Norm {
        @Override
        public Tensor allocateStatistics(StepArena arena, Tensor x) {
            return arena.allocate(Kernels.statistics(x.dtype()), x.dim(0));
        }

        @Override
        public void forward(Kernels kernels, Tensor y, Tensor statistics, Tensor x) {
            kernels.rmsNorm(y, statistics, x, gain.data(), eps);
        }

        @Override
        public void backward(Kernels kernels, StepArena arena, Tensor dx, Tensor dy, Tensor x, Tensor statistics) {
            long mark = arena.mark();
            kernels.rmsNormBackward(dx, gradient(gain, kernels, arena), dy, x, gain.data(), statistics);
            arena.release(mark);
        }
    }

    /// To a mean of 0 and a variance of 1, times a gain, plus a bias.
    record Layer(Parameter gain, Parameter bias, double eps) implements Norm {
        @Override
        public Tensor allocateStatistics(StepArena arena, Tensor x) {
            return arena.allocate(Kernels.statistics(x.dtype()), x.dim(0), 2);
        }

        @Override
        public void forward(Kernels kernels, Tensor y, Tensor statistics, Tensor x) {
            kernels.layerNorm(y, statistics, x, gain.data(), bias.data(), eps);
        }

        @Override
        public void backward(Kernels kernels, StepArena arena, Tensor dx, Tensor dy, Tensor x, Tensor statistics) {
            long mark = arena.mark();
            kernels.layerNormBackward(dx, gradient(gain, kernels, arena), gradient(bias, kernels, arena), dy, x, gain.data(), statistics);
            arena.release(mark);
        }
    }

    /// What backward needs of each row of `x`, uninitialised.
    Tensor allocateStatistics(StepArena arena, Tensor x);

    /// Writes `y (N, C)` and the statistics.
    void forward(Kernels kernels, Tensor y, Tensor statistics, Tensor x);

    /// Adds to `dx (N, C)` and to the parameters' gradients. What it allocates it gives back.
    void backward(Kernels kernels, StepArena arena, Tensor dx, Tensor dy, Tensor x, Tensor statistics);

    /// Kernels make all gradients in one pass, so a frozen parameter's goes to a tensor that nobody reads.
    private static Tensor gradient(Parameter p, Kernels kernels, StepArena arena) {
        if (p.grad() != null) { return p.begunGrad(kernels); }
        Tensor unread = arena.allocate(Kernels.statistics(p.data().dtype()), p.data().numel());
        kernels.fill(unread, 0);
        return unread;
    }
}
