package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;
import static dev.kintsugi.worker.kernel.cpu.Lanes.whole;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// SwiGLU (Shazeer 2020): `y = silu(gate) * up`, `silu(x) = x / (1 + exp(-x))`.
final class SwiGlu {
    private SwiGlu() {}

    static void forward(MemorySegment y, MemorySegment gate, MemorySegment up, long n) {
        long whole = whole(n);
        for (long i = 0; i < whole; i += L) {
            var x = load(gate, i * 4);
            store(x.mul(sigmoid(x)).mul(load(up, i * 4)), y, i * 4);
        }
        for (long i = whole; i < n; i++) {
            float x = gate.get(FLOAT, i * 4);
            y.set(FLOAT, i * 4, x * sigmoid(x) * up.get(FLOAT, i * 4));
        }
    }

    /// With `s = sigmoid(x)`: `dx = dy up s (1 + x (1 - s))`, `dup = dy x s`.
    static void backward(MemorySegment dgate, MemorySegment dup, MemorySegment dy, MemorySegment gate, MemorySegment up, long n) {
        long whole = whole(n);
        for (long i = 0; i < whole; i += L) {
            var x = load(gate, i * 4);
            var d = load(dy, i * 4);
            var s = sigmoid(x);
            var dx = d.mul(load(up, i * 4)).mul(s).mul(x.fma(splat(1f).sub(s), splat(1f)));
            store(d.mul(x.mul(s)), dup, i * 4);
            store(dx, dgate, i * 4);
        }
        for (long i = whole; i < n; i++) {
            float x = gate.get(FLOAT, i * 4);
            float d = dy.get(FLOAT, i * 4);
            float s = sigmoid(x);
            float dx = d * up.get(FLOAT, i * 4) * s * Math.fma(x, 1f - s, 1f);
            dup.set(FLOAT, i * 4, d * (x * s));
            dgate.set(FLOAT, i * 4, dx);
        }
    }

    private static FloatVector sigmoid(FloatVector x) {
        return splat(1f).div(Exp.exp(x.neg()).add(1f));
    }

    private static float sigmoid(float x) {
        return 1f / (Exp.exp(-x) + 1f);
    }
}
