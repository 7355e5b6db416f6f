package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;
import static dev.kintsugi.worker.kernel.cpu.Lanes.whole;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// RMSNorm (Zhang and Sennrich 2019) of `x (N, C)`, row by row, f32.
final class RmsNorm {
    private RmsNorm() {}

    static void forward(MemorySegment y, MemorySegment rstd, MemorySegment x, MemorySegment w, double eps, long N, long C) {
        float[] partial = new float[SUMS];
        for (long row = 0; row < N; row++) {
            long at = row * C * 4;
            float r = (float) (1 / Math.sqrt(Lanes.dot(x, at, x, at, C, partial) / (double) C + eps));
            rstd.set(FLOAT, row * 4, r);
            normalise(y, x, at, w, r, C);
        }
    }

    private static void normalise(MemorySegment y, MemorySegment x, long at, MemorySegment w, float r, long C) {
        long whole = whole(C);
        for (long i = 0; i < whole; i += L) { store(load(x, at + i * 4).mul(r).mul(load(w, i * 4)), y, at + i * 4); }
        for (long i = whole; i < C; i++) { y.set(FLOAT, at + i * 4, x.get(FLOAT, at + i * 4) * r * w.get(FLOAT, i * 4)); }
    }

    /// With `n = x rstd`: `dx += rstd (dy w - n mean(dy w n))`, `dw += dy n`.
    static void backward(MemorySegment dx, MemorySegment dw, MemorySegment dy, MemorySegment x, MemorySegment w,
            MemorySegment rstd, long N, long C) {
        float[] partial = new float[SUMS];
        for (long row = 0; row < N; row++) {
            long at = row * C * 4;
            float r = rstd.get(FLOAT, row * 4);
            float mean = (float) (dot(dy, x, at, w, C, partial) * (double) r / C);
            addGradients(dx, dw, dy, x, at, w, r, mean, C);
        }
    }

    /// Sum of `dy w x` over a row.
    private static float dot(MemorySegment dy, MemorySegment x, long at, MemorySegment w, long C, float[] partial) {
        long whole = Lanes.wholeSums(C);
        for (int slice = 0; slice < SUMS; slice += L) {
            FloatVector sum = splat(0f);
            for (long i = slice; i < whole; i += SUMS) {
                sum = load(dy, at + i * 4).mul(load(w, i * 4)).fma(load(x, at + i * 4), sum);
            }
            sum.intoArray(partial, slice);
        }
        for (long i = whole; i < C; i++) {
            int lane = (int) (i - whole);
            float dn = dy.get(FLOAT, at + i * 4) * w.get(FLOAT, i * 4);
            partial[lane] = Math.fma(dn, x.get(FLOAT, at + i * 4), partial[lane]);
        }
        return Lanes.pairwise(partial);
    }

    private static void addGradients(MemorySegment dx, MemorySegment dw, MemorySegment dy, MemorySegment x, long at,
            MemorySegment w, float r, float mean, long C) {
        long whole = whole(C);
        for (long i = 0; i < whole; i += L) {
            var d = load(dy, at + i * 4);
            var n = load(x, at + i * 4).mul(r);
            var centred = d.mul(load(w, i * 4)).sub(n.mul(mean));
            store(centred.fma(splat(r), load(dx, at + i * 4)), dx, at + i * 4);
            store(d.fma(n, load(dw, i * 4)), dw, i * 4);
        }
        for (long i = whole; i < C; i++) {
            float d = dy.get(FLOAT, at + i * 4);
            float n = x.get(FLOAT, at + i * 4) * r;
            float centred = d * w.get(FLOAT, i * 4) - n * mean;
            dx.set(FLOAT, at + i * 4, Math.fma(centred, r, dx.get(FLOAT, at + i * 4)));
            dw.set(FLOAT, i * 4, Math.fma(d, n, dw.get(FLOAT, i * 4)));
        }
    }
}
