package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.INT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;

import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Softmax cross entropy of `logits (N, V)`, f32 or bf16, one row at a time, held as f32 so that bf16 logits are rounded once. One thread.
final class CrossEntropy {
    private final float[] partial = new float[Lanes.SUMS];
    private final short[] piece = new short[Rows.PIECE];
    private float[] row = {};

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
    ///
    /// @param losses receives the rows' losses from `at` on, 0 for those that are not counted
    void forward(double[] losses, int at, MemorySegment logits, MemorySegment labels, float scale, double smoothing, boolean writeGradient, int N,
            long V, boolean bf16) {
        row = row.length < V ? new float[Math.ceilDiv((int) V, Rows.PIECE) * Rows.PIECE] : row;
        for (int i = 0; i < N; i++) {
            int label = labels.get(INT, i * 4L);
            losses[at + i] = label >= 0 ? row(logits, i * V, label, scale, smoothing, writeGradient, (int) V, bf16) : 0;
            if (label < 0 && writeGradient) { zero(logits, i * V, V, bf16); }
        }
    }

    static double total(double[] losses, int rows) {
        double total = 0;
        for (int i = 0; i < rows; i++) { total += losses[i]; }
        return total;
    }

    private double row(MemorySegment x, long at, int label, float scale, double smoothing, boolean writeGradient, int V, boolean bf16) {
        float max = read(x, at, V, bf16);
        double target = smoothing == 0 ? row[label] : (1 - smoothing) * row[label] + smoothing * mean(V);
        double sum = exponentials(V, max);
        if (writeGradient && smoothing > 0) {
            smoothedGradient(x, at, label, scale, smoothing, V, (float) (scale / sum), bf16);
            return StrictMath.log(sum) + max - target;
        }
        if (writeGradient) {
            float factor = (float) (scale / sum);
            float e = row[label];
            gradient(x, at, V, factor, bf16);
            Lanes.set(x, at + label, Math.fma(e, factor, -scale), bf16);
        }
        return StrictMath.log(sum) + max - target;
    }

    /// Takes a row in, negative infinity behind it. Returns the largest.
    private float read(MemorySegment x, long at, int V, boolean bf16) {
        if (bf16) {
            for (int i = 0; i < V; i += Rows.PIECE) {
                int n = Math.min(Rows.PIECE, V - i);
                Rows.read(piece, x, at + i, n);
                Loops.widen(row, i, piece, n);
            }
        } else {
            MemorySegment.copy(x, Lanes.FLOAT, at * 4, row, 0, V);
        }
        Arrays.fill(row, V, Rows.padded(V), Float.NEGATIVE_INFINITY);
        return Rows.max(row, V);
    }

    /// The row becomes `exp(row - max)`.
    ///
    /// @return their sum, in f32 for a piece and in f64 beyond, so that large vocabularies lose no digits
    private double exponentials(int V, float max) {
        double sum = 0;
        int padded = Rows.padded(V);
        for (int i = 0; i < padded; i += Rows.PIECE) {
            Arrays.fill(partial, 0f);
            Loops.exponentials(row, i, Math.min(Rows.PIECE, padded - i), max, partial);
            sum += Lanes.pairwise(partial);
        }
        return sum;
    }

    private double mean(int V) {
        double sum = 0;
        for (int i = 0; i < V; i++) { sum += row[i]; }
        return sum / V;
    }

    /// `x = exp(x - max) * factor - scale ((1 - smoothing) onehot + smoothing / V)`.
    private void smoothedGradient(MemorySegment x, long at, int label, float scale, double smoothing, int V, float factor, boolean bf16) {
        float even = (float) (scale * smoothing / V);
        for (int i = 0; i < V; i++) { row[i] = Math.fma(row[i], factor, -even); }
        row[label] -= (float) (scale * (1 - smoothing));
        gradient(x, at, V, 1f, bf16);
    }

    /// `x = exp(x - max) * factor`.
    private void gradient(MemorySegment x, long at, int V, float factor, boolean bf16) {
        if (bf16) {
            for (int i = 0; i < V; i += Rows.PIECE) {
                int n = Math.min(Rows.PIECE, V - i);
                Rows.scale(piece, row, i, n, factor);
                Rows.write(x, at + i, piece, n);
            }
        } else {
            Rows.scale(row, V, factor);
            Rows.write(x, at, row, V, false);
        }
    }

    private static void zero(MemorySegment x, long at, long n, boolean bf16) {
        int bytes = bf16 ? 2 : 4;
        x.asSlice(at * bytes, n * bytes).fill((byte) 0);
    }

    /// See [Rows].
    private static final class Loops {
        static void widen(float[] row, int at, short[] piece, int n) {
            for (int i = 0; i < n; i += L) { Bf16.load(piece, i).intoArray(row, at + i); }
        }

        static void exponentials(float[] row, int at, int n, float max, float[] partial) {
            for (int i = at; i < at + n; i += SUMS) {
                for (int slice = 0; slice < SUMS; slice += L) {
                    var e = Exp.exp(FloatVector.fromArray(F, row, i + slice).sub(max));
                    FloatVector.fromArray(F, partial, slice).add(e).intoArray(partial, slice);
                    e.intoArray(row, i + slice);
                }
            }
        }
    }
}
