package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// SwiGLU (Shazeer 2020) of f32 or bf16: `y = silu(gate) * up`, `silu(x) = x / (1 + exp(-x))`. One thread.
final class SwiGlu {
    private final float[] x = new float[Rows.PIECE];
    private final float[] s = new float[Rows.PIECE];
    private final float[] u = new float[Rows.PIECE];
    private final float[] d = new float[Rows.PIECE];

    void forward(MemorySegment y, MemorySegment gate, MemorySegment up, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            Rows.read(x, gate, at, n, bf16);
            Rows.read(u, up, at, n, bf16);
            sigmoid(s, x, n);
            product(x, s, u, n);
            Rows.write(y, at, u, n, bf16);
        }
    }

    /// `u *= x s`.
    private static void product(float[] x, float[] s, float[] u, int n) {
        for (int i = 0; i < n; i += L) {
            FloatVector.fromArray(F, x, i).mul(FloatVector.fromArray(F, s, i)).mul(FloatVector.fromArray(F, u, i)).intoArray(u, i);
        }
    }

    private static void sigmoid(float[] s, float[] x, int n) {
        for (int i = 0; i < n; i += L) { splat(1f).div(Exp.exp(FloatVector.fromArray(F, x, i).neg()).add(1f)).intoArray(s, i); }
    }

    /// With `s = sigmoid(x)`: `dx = dy up s (1 + x (1 - s))`, `dup = dy x s`; also `y = x s up` once more, which costs one store here.
    void backward(MemorySegment dgate, MemorySegment dup, MemorySegment y, MemorySegment dy, MemorySegment gate, MemorySegment up, long numel,
            boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            Rows.read(x, gate, at, n, bf16);
            Rows.read(u, up, at, n, bf16);
            Rows.read(d, dy, at, n, bf16);
            sigmoid(s, x, n);
            gateGradient(x, s, u, d, n);
            Rows.write(dgate, at, s, n, bf16);
            Rows.write(dup, at, d, n, bf16);
            Rows.write(y, at, u, n, bf16);
        }
    }

    /// From x, its sigmoid s, up u and dy d: `s` becomes dgate, `d` dup and `u` the product.
    private static void gateGradient(float[] x, float[] s, float[] u, float[] d, int n) {
        for (int i = 0; i < n; i += L) {
            var gate = FloatVector.fromArray(F, x, i);
            var sigmoid = FloatVector.fromArray(F, s, i);
            var up = FloatVector.fromArray(F, u, i);
            var dy = FloatVector.fromArray(F, d, i);
            var silu = gate.mul(sigmoid);
            var slope = gate.sub(silu).add(1f);
            dy.mul(up).mul(sigmoid).mul(slope).intoArray(s, i);
            dy.mul(silu).intoArray(d, i);
            silu.mul(up).intoArray(u, i);
        }
    }
}
