package dev.kintsugi.worker.kernel;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Bf16;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/// Measures how fast a device multiplies matrices at best: square products of [#EXTENT] by the same kernel that models use, one after another.
/// Owns its three matrices, allocated once. One thread.
public final class MatmulProbe implements AutoCloseable {
    /// Large enough for the rate to be level, small enough that a product takes milliseconds.
    private static final int EXTENT = 1024;
    private static final double FLOPS = 2.0 * EXTENT * EXTENT * EXTENT;

    private final Arena probeArena = Arena.ofConfined();
    private final Kernels kernels;
    private final Tensor x;
    private final Tensor w;
    private final Tensor y;

    /// @param dtype F32 or BF16
    public MatmulProbe(Kernels kernels, DType dtype) {
        this.kernels = kernels;
        this.x = normal(dtype);
        this.w = normal(dtype);
        this.y = normal(dtype);
    }

    /// Ordinary values: denormals are slow, constants draw less power.
    private Tensor normal(DType dtype) {
        MemorySegment data = probeArena.allocate((long) EXTENT * EXTENT * dtype.bytes(), 64);
        var random = new Random(1);
        for (long i = 0; i < (long) EXTENT * EXTENT; i++) {
            float value = (float) random.nextGaussian();
            if (dtype == DType.BF16) {
                Bf16.set(data, i, value);
            } else {
                data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
            }
        }
        return new Tensor(data, dtype, EXTENT, EXTENT);
    }

    /// FLOP/s of the fastest product among those made in `seconds`, at least three. The fastest, because others are those that something
    /// interrupted.
    public double flopsPerSecond(double seconds) {
        long startNs = System.nanoTime();
        long bestNs = Long.MAX_VALUE;
        long beganNs = startNs;
        for (int calls = 0; calls < 3 || beganNs - startNs < seconds * 1e9; calls++) {
            kernels.linear(y, x, w, null);
            long endNs = System.nanoTime();
            bestNs = Math.min(bestNs, endNs - beganNs);
            beganNs = endNs;
        }
        return FLOPS / (bestNs / 1e9);
    }

    @Override
    public void close() {
        probeArena.close();
    }
}
