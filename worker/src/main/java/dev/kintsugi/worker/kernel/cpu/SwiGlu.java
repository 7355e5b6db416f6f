package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// SwiGLU (Shazeer 2020) of f32 or bf16: `y = silu(gate) * up`, `silu(x) = x / (1 + exp(-x))`. One thread.
///
/// bf16 goes through arrays of its own.
final class SwiGlu {
    private final float[] x = new float[Rows.PIECE];
    private final float[] u = new float[Rows.PIECE];
    private final float[] d = new float[Rows.PIECE];
    private final float[] s = new float[Rows.PIECE];
    private final short[] gates = new short[Rows.PIECE];
    private final short[] ups = new short[Rows.PIECE];
    private final short[] gradients = new short[Rows.PIECE];
    private final short[] dys = new short[Rows.PIECE];

    void forward(MemorySegment y, MemorySegment gate, MemorySegment up, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            if (bf16) {
                Rows.read(gates, gate, at, n);
                Rows.read(ups, up, at, n);
                Loops.sigmoid(s, gates, n);
                Loops.forward(gates, s, ups, n);
                Rows.write(y, at, ups, n);
            } else {
                Rows.read(x, gate, at, n, false);
                Rows.read(u, up, at, n, false);
                Loops.forward(x, u, n);
                Rows.write(y, at, u, n, false);
            }
        }
    }

    /// With `s = sigmoid(x)`: `dx = dy up s (1 + x (1 - s))`, `dup = dy x s`; also `y = x s up` once more, which costs one store here.
    void backward(MemorySegment dgate, MemorySegment dup, MemorySegment y, MemorySegment dy, MemorySegment gate, MemorySegment up, long numel,
            boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            if (bf16) {
                Rows.read(gates, gate, at, n);
                Rows.read(ups, up, at, n);
                Rows.read(dys, dy, at, n);
                Loops.sigmoid(s, gates, n);
                Loops.gateGradient(gradients, gates, s, ups, dys, n);
                Loops.upGradient(gates, s, ups, dys, n);
                Rows.write(dgate, at, gradients, n);
                Rows.write(dup, at, dys, n);
                Rows.write(y, at, ups, n);
            } else {
                Rows.read(x, gate, at, n, false);
                Rows.read(u, up, at, n, false);
                Rows.read(d, dy, at, n, false);
                Loops.backward(x, u, d, n);
                Rows.write(dgate, at, x, n, false);
                Rows.write(dup, at, d, n, false);
                Rows.write(y, at, u, n, false);
            }
        }
    }

    private static FloatVector sigmoid(FloatVector x) {
        return splat(1f).div(Exp.exp(x.neg()).add(1f));
    }

    /// `1 + x - x s`.
    private static FloatVector slope(FloatVector x, FloatVector silu) {
        return x.sub(silu).add(1f);
    }

    /// See [Rows].
    private static final class Loops {
        static void sigmoid(float[] s, short[] gate, int n) {
            for (int i = 0; i < n; i += L) { SwiGlu.sigmoid(Bf16.load(gate, i)).intoArray(s, i); }
        }

        /// `up` becomes y.
        static void forward(short[] gate, float[] s, short[] up, int n) {
            for (int i = 0; i < n; i += L) {
                Bf16.store(Bf16.load(gate, i).mul(FloatVector.fromArray(F, s, i)).mul(Bf16.load(up, i)), up, i);
            }
        }

        /// `up` becomes y.
        static void forward(float[] gate, float[] up, int n) {
            for (int i = 0; i < n; i += L) {
                var x = FloatVector.fromArray(F, gate, i);
                x.mul(SwiGlu.sigmoid(x)).mul(FloatVector.fromArray(F, up, i)).intoArray(up, i);
            }
        }

        static void gateGradient(short[] dgate, short[] gate, float[] s, short[] up, short[] dy, int n) {
            for (int i = 0; i < n; i += L) {
                var x = Bf16.load(gate, i);
                var sigmoid = FloatVector.fromArray(F, s, i);
                var slope = slope(x, x.mul(sigmoid));
                Bf16.store(Bf16.load(dy, i).mul(Bf16.load(up, i)).mul(sigmoid).mul(slope), dgate, i);
            }
        }

        /// `dy` becomes dup and `up` y.
        static void upGradient(short[] gate, float[] s, short[] up, short[] dy, int n) {
            for (int i = 0; i < n; i += L) {
                var silu = Bf16.load(gate, i).mul(FloatVector.fromArray(F, s, i));
                Bf16.store(Bf16.load(dy, i).mul(silu), dy, i);
                Bf16.store(silu.mul(Bf16.load(up, i)), up, i);
            }
        }

        /// `gate` becomes dgate, `dy` dup and `up` y.
        static void backward(float[] gate, float[] up, float[] dy, int n) {
            for (int i = 0; i < n; i += L) {
                var x = FloatVector.fromArray(F, gate, i);
                var u = FloatVector.fromArray(F, up, i);
                var d = FloatVector.fromArray(F, dy, i);
                var s = SwiGlu.sigmoid(x);
                var silu = x.mul(s);
                d.mul(u).mul(s).mul(slope(x, silu)).intoArray(gate, i);
                d.mul(silu).intoArray(dy, i);
                silu.mul(u).intoArray(up, i);
            }
        }
    }
}
