package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.INT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import java.lang.foreign.MemorySegment;

/// Softmax cross entropy of `logits (N, V)`, one row at a time.
final class CrossEntropy {
    /// Exponentials are summed in f32 for so many elements and in f64 beyond, so that large vocabularies lose no digits.
    private static final long CHUNK = 1024;

    private CrossEntropy() {}

    /// @throws IllegalArgumentException if a label is V or more
    static void checkLabels(MemorySegment labels, long N, long V) {
        for (long i = 0; i < N; i++) {
            int label = labels.get(INT, i * 4);
            if (label >= V) {
                throw new IllegalArgumentException("labels[%d]=%d is not in the vocabulary; V=%d".formatted(i, label, V));
            }
        }
    }

    /// Overwrites logits: with `(softmax - onehot) * scale` when `writeGradient`; otherwise they are left as they are.
    static double forward(MemorySegment logits, MemorySegment labels, float scale, boolean writeGradient, long N, long V) {
        float[] partial = new float[Lanes.SUMS];
        double total = 0;
        for (long row = 0; row < N; row++) {
            long at = row * V * 4;
            int label = labels.get(INT, row * 4);
            if (label >= 0) {
                total += row(logits, at, label, scale, writeGradient, V, partial);
            } else if (writeGradient) {
                Elementwise.fill(logits.asSlice(at, V * 4), 0f, V);
            }
        }
        return total;
    }

    private static double row(MemorySegment x, long at, int label, float scale, boolean writeGradient, long V, float[] partial) {
        float max = Lanes.max(x, at, V);
        double target = x.get(FLOAT, at + label * 4L);
        double sum = 0;
        for (long i = 0; i < V; i += CHUNK) {
            long n = Math.min(CHUNK, V - i);
            sum += writeGradient ? expInPlace(x, at + i * 4, n, max, partial) : sumExp(x, at + i * 4, n, max, partial);
        }
        if (writeGradient) {
            Elementwise.scale(x, at, V, (float) (scale / sum));
            x.set(FLOAT, at + label * 4L, x.get(FLOAT, at + label * 4L) - scale);
        }
        return StrictMath.log(sum) + max - target;
    }

    private static float expInPlace(MemorySegment x, long at, long n, float max, float[] partial) {
        exp(x, at, x, at, n, max);
        return Lanes.sum(x, at, n, partial);
    }

    /// `y = exp(x - max)`.
    private static void exp(MemorySegment y, long yAt, MemorySegment x, long at, long n, float max) {
        long whole = Lanes.whole(n);
        for (long i = 0; i < whole; i += L) { store(Exp.exp(load(x, at + i * 4).sub(max)), y, yAt + i * 4); }
        for (long i = whole; i < n; i++) { y.set(FLOAT, yAt + i * 4, Exp.exp(x.get(FLOAT, at + i * 4) - max)); }
    }

    private static float sumExp(MemorySegment x, long at, long n, float max, float[] partial) {
        long whole = Lanes.wholeSums(n);
        for (int slice = 0; slice < Lanes.SUMS; slice += L) {
            var sum = Lanes.splat(0f);
            for (long i = slice; i < whole; i += Lanes.SUMS) { sum = sum.add(Exp.exp(load(x, at + i * 4).sub(max))); }
            sum.intoArray(partial, slice);
        }
        for (long i = whole; i < n; i++) { partial[(int) (i - whole)] += Exp.exp(x.get(FLOAT, at + i * 4) - max); }
        return Lanes.pairwise(partial);
    }
}
