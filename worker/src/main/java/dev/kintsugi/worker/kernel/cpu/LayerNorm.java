package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// LayerNorm (Ba et al. 2016) of `x (N, C)`, row by row, f32 or bf16; `statistics (N, 2)`, mean and rstd, `dw` and `db` are f32. One thread.
final class LayerNorm {
    private final float[] partial = new float[Lanes.SUMS];
    private float[] x = {};
    private float[] w = {};
    private float[] b = {};
    private float[] dx = {};
    private float[] dy = {};
    private float[] dw = {};
    private float[] db = {};

    void forward(MemorySegment y, MemorySegment statistics, MemorySegment xs, MemorySegment ws, MemorySegment bs, double eps, long N, int C,
            boolean bf16) {
        allocate(C);
        Rows.read(w, ws, 0, C, bf16);
        Rows.read(b, bs, 0, C, bf16);
        for (long row = 0; row < N; row++) {
            Rows.read(x, xs, row * C, C, bf16);
            float mean = (float) (Rows.sum(x, C, partial) / (double) C);
            centre(x, mean, C);
            float r = (float) (1 / Math.sqrt(Rows.dot(x, x, C, partial) / (double) C + eps));
            statistics.set(FLOAT, row * 8, mean);
            statistics.set(FLOAT, row * 8 + 4, r);
            scaleAndShift(x, w, b, r, C);
            Rows.write(y, row * C, x, C, bf16);
        }
    }

    private void allocate(int C) {
        x = Rows.atLeast(x, C);
        w = Rows.atLeast(w, C);
        b = Rows.atLeast(b, C);
        dx = Rows.atLeast(dx, C);
        dy = Rows.atLeast(dy, C);
        dw = Rows.atLeast(dw, C);
        db = Rows.atLeast(db, C);
    }

    /// `x -= mean`, zeros behind the row.
    private static void centre(float[] x, float mean, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, x, i).sub(mean).intoArray(x, i); }
        Rows.zero(x, C, padded);
    }

    /// `x = x r w + b`.
    private static void scaleAndShift(float[] x, float[] w, float[] b, float r, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) {
            FloatVector.fromArray(F, x, i).mul(r).fma(FloatVector.fromArray(F, w, i), FloatVector.fromArray(F, b, i)).intoArray(x, i);
        }
    }

    /// With `n = (x - mean) rstd` and `g = dy w`: `dx += rstd (g - mean(g) - n mean(g n))`, `dw += dy n`, `db += dy`.
    void backward(MemorySegment dxs, MemorySegment dws, MemorySegment dbs, MemorySegment dys, MemorySegment xs, MemorySegment ws,
            MemorySegment statistics, long N, int C, boolean bf16) {
        allocate(C);
        Rows.read(w, ws, 0, C, bf16);
        Rows.read(dw, dws, 0, C, false);
        Rows.read(db, dbs, 0, C, false);
        for (long row = 0; row < N; row++) {
            Rows.read(x, xs, row * C, C, bf16);
            Rows.read(dy, dys, row * C, C, bf16);
            Rows.read(dx, dxs, row * C, C, bf16);
            float r = statistics.get(FLOAT, row * 8 + 4);
            centre(x, statistics.get(FLOAT, row * 8), C);
            Rows.scale(x, C, r);
            addParameterGradients(dw, db, dy, x, C);
            multiply(dy, w, C);
            float mean = (float) (Rows.sum(dy, C, partial) / (double) C);
            float along = (float) (Rows.dot(dy, x, C, partial) / (double) C);
            addInputGradient(dx, dy, x, r, mean, along, C);
            Rows.write(dxs, row * C, dx, C, bf16);
        }
        Rows.write(dws, 0, dw, C, false);
        Rows.write(dbs, 0, db, C, false);
    }

    private static void addParameterGradients(float[] dw, float[] db, float[] dy, float[] n, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) {
            var d = FloatVector.fromArray(F, dy, i);
            d.fma(FloatVector.fromArray(F, n, i), FloatVector.fromArray(F, dw, i)).intoArray(dw, i);
            d.add(FloatVector.fromArray(F, db, i)).intoArray(db, i);
        }
    }

    private static void multiply(float[] dy, float[] w, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) { FloatVector.fromArray(F, dy, i).mul(FloatVector.fromArray(F, w, i)).intoArray(dy, i); }
    }

    private static void addInputGradient(float[] dx, float[] g, float[] n, float r, float mean, float along, int C) {
        int padded = Rows.padded(C);
        for (int i = 0; i < padded; i += L) {
            var centred = FloatVector.fromArray(F, n, i).fma(splat(-along), FloatVector.fromArray(F, g, i).sub(mean));
            centred.fma(splat(r), FloatVector.fromArray(F, dx, i)).intoArray(dx, i);
        }
    }
}
