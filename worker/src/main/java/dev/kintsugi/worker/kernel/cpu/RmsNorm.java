package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// RMSNorm (Zhang and Sennrich 2019) of `x (N, C)`, row by row, f32 or bf16; `rstd` and `dw` are f32. One thread.
final class RmsNorm {
    private final float[] partial = new float[SUMS];
    private float[] x = {};
    private float[] w = {};
    private float[] dx = {};
    private float[] dy = {};
    private float[] dw = {};

    void forward(MemorySegment y, MemorySegment rstd, MemorySegment xs, MemorySegment ws, double eps, long N, int C, boolean bf16) {
        allocate(C);
        Rows.read(w, ws, 0, C, bf16);
        for (long row = 0; row < N; row++) {
            Rows.read(x, xs, row * C, C, bf16);
            float r = (float) (1 / Math.sqrt(Rows.dot(x, x, C, partial) / (double) C + eps));
            rstd.set(FLOAT, row * 4, r);
            normalise(x, w, r, C);
            Rows.write(y, row * C, x, C, bf16);
        }
    }

    private void allocate(int C) {
        x = Rows.atLeast(x, C);
        w = Rows.atLeast(w, C);
        dx = Rows.atLeast(dx, C);
        dy = Rows.atLeast(dy, C);
        dw = Rows.atLeast(dw, C);
    }

    /// `x *= r w`.
    private static void normalise(float[] x, float[] w, float r, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, x, i).mul(r).mul(FloatVector.fromArray(F, w, i)).intoArray(x, i); }
    }

    /// With `n = x rstd`: `dx += rstd (dy w - n mean(dy w n))`, `dw += dy n`.
    void backward(MemorySegment dxs, MemorySegment dws, MemorySegment dys, MemorySegment xs, MemorySegment ws, MemorySegment rstd, long N,
            int C, boolean bf16) {
        allocate(C);
        Rows.read(w, ws, 0, C, bf16);
        Rows.read(dw, dws, 0, C, false);
        for (long row = 0; row < N; row++) {
            Rows.read(x, xs, row * C, C, bf16);
            Rows.read(dy, dys, row * C, C, bf16);
            Rows.read(dx, dxs, row * C, C, bf16);
            float r = rstd.get(FLOAT, row * 4);
            addGainGradient(dw, dy, x, r, C);
            multiply(dy, w, C);
            float mean = (float) (Rows.dot(dy, x, C, partial) * (double) r / C);
            addInputGradient(dx, dy, x, r, mean, C);
            Rows.write(dxs, row * C, dx, C, bf16);
        }
        Rows.write(dws, 0, dw, C, false);
    }

    private static void addGainGradient(float[] dw, float[] dy, float[] x, float r, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) {
            var n = FloatVector.fromArray(F, x, i).mul(r);
            FloatVector.fromArray(F, dy, i).fma(n, FloatVector.fromArray(F, dw, i)).intoArray(dw, i);
        }
    }

    private static void multiply(float[] dy, float[] w, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, dy, i).mul(FloatVector.fromArray(F, w, i)).intoArray(dy, i); }
    }

    /// @param dn `dy w`
    private static void addInputGradient(float[] dx, float[] dn, float[] x, float r, float mean, int C) {
        int padded = Rows.padded(C);
        float shrink = -mean * r;
        for (int i = 0; i < padded; i += L) {
            var centred = FloatVector.fromArray(F, x, i).fma(Lanes.splat(shrink), FloatVector.fromArray(F, dn, i));
            centred.fma(Lanes.splat(r), FloatVector.fromArray(F, dx, i)).intoArray(dx, i);
        }
    }
}
