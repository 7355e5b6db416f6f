package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.INT;

import java.lang.foreign.MemorySegment;

/// Softmax cross entropy of `logits (N, V)`, f32 or bf16, one row at a time. Exponentials are taken twice, for the sum and for the
/// gradient, so that bf16 logits are rounded once. One thread.
final class CrossEntropy {
    private final float[] partial = new float[Lanes.SUMS];
    private final float[] piece = new float[Rows.PIECE];

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
    double forward(MemorySegment logits, MemorySegment labels, float scale, boolean writeGradient, long N, long V, boolean bf16) {
        double total = 0;
        for (long row = 0; row < N; row++) {
            int label = labels.get(INT, row * 4);
            if (label >= 0) {
                total += row(logits, row * V, label, scale, writeGradient, V, bf16);
            } else if (writeGradient) {
                zero(logits, row * V, V, bf16);
            }
        }
        return total;
    }

    private double row(MemorySegment x, long at, int label, float scale, boolean writeGradient, long V, boolean bf16) {
        float max = max(x, at, V, bf16);
        float target = Lanes.get(x, at + label, bf16);
        double sum = sumOfExponentials(x, at, V, max, bf16);
        if (writeGradient) {
            float factor = (float) (scale / sum);
            gradient(x, at, V, max, factor, bf16);
            Lanes.set(x, at + label, Math.fma(Exp.exp(target - max), factor, -scale), bf16);
        }
        return StrictMath.log(sum) + max - target;
    }

    private float max(MemorySegment x, long at, long V, boolean bf16) {
        float max = Float.NEGATIVE_INFINITY;
        for (long i = 0; i < V; i += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, V - i);
            Rows.read(piece, x, at + i, n, bf16);
            max = Math.max(max, Rows.max(piece, n));
        }
        return max;
    }

    /// In f32 for a piece and in f64 beyond, so that large vocabularies lose no digits.
    private double sumOfExponentials(MemorySegment x, long at, long V, float max, boolean bf16) {
        double sum = 0;
        for (long i = 0; i < V; i += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, V - i);
            Rows.read(piece, x, at + i, n, bf16);
            Rows.exp(piece, piece, n, max);
            Rows.zero(piece, n, Rows.padded(n));
            sum += Rows.sum(piece, n, partial);
        }
        return sum;
    }

    /// `x = exp(x - max) * factor`.
    private void gradient(MemorySegment x, long at, long V, float max, float factor, boolean bf16) {
        for (long i = 0; i < V; i += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, V - i);
            Rows.read(piece, x, at + i, n, bf16);
            Rows.exp(piece, piece, n, max);
            Rows.scale(piece, n, factor);
            Rows.write(x, at + i, piece, n, bf16);
        }
    }

    private static void zero(MemorySegment x, long at, long n, boolean bf16) {
        int bytes = bf16 ? 2 : 4;
        x.asSlice(at * bytes, n * bytes).fill((byte) 0);
    }
}
