package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import dev.kintsugi.sharding.estimate.ScratchSizes;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// What attention does to a row of a tile of scores, of which a query sees the `seen` first. Scores are f32; what they become is f32 (and
/// may then be written over them) or bf16. A row starts at element `at` of every segment. One thread.
final class ScoreRow {
    private final float[] partial = new float[SUMS];
    private final float[] x = new float[Rows.padded(ScratchSizes.KEY_BLOCK)];
    private final float[] d = new float[Rows.padded(ScratchSizes.KEY_BLOCK)];

    /// Takes the scores in. Returns the largest; negative infinity when none is seen.
    float read(MemorySegment scores, long at, int seen) {
        Rows.read(x, scores, at, seen, false);
        return seen == 0 ? Float.NEGATIVE_INFINITY : Rows.max(x, seen);
    }

    /// `p[i] = exp(x[i] scale - shift)` of the scores read last where seen, 0 in the rest of `columns`.
    ///
    /// @return the sum of the row
    float exponentials(MemorySegment p, long at, int seen, int columns, float scale, float shift, boolean bf16) {
        exponentials(x, seen, scale, shift);
        Rows.zero(x, seen, Rows.padded(columns));
        Rows.write(p, at, x, columns, bf16);
        return Rows.sum(x, seen, partial);
    }

    private static void exponentials(float[] x, int n, float scale, float shift) {
        for (int i = 0; i < n; i += L) { Exp.exp(FloatVector.fromArray(F, x, i).fma(splat(scale), splat(-shift))).intoArray(x, i); }
    }

    /// `p[i] = exp(x[i] scale - shift)` and its gradient `dx[i] = scale p[i] (dp[i] - delta)` where seen, both 0 in the rest of `columns`.
    void probabilitiesAndGradients(MemorySegment p, MemorySegment dx, MemorySegment scores, MemorySegment dp, long at, int seen, int columns,
            float scale, float shift, float delta, boolean bf16) {
        Rows.read(x, scores, at, seen, false);
        Rows.read(d, dp, at, seen, false);
        exponentials(x, seen, scale, shift);
        gradients(d, x, seen, scale, delta);
        Rows.zero(x, seen, columns);
        Rows.zero(d, seen, columns);
        Rows.write(p, at, x, columns, bf16);
        Rows.write(dx, at, d, columns, bf16);
    }

    /// `d = scale p (d - delta)`.
    private static void gradients(float[] d, float[] p, int n, float scale, float delta) {
        for (int i = 0; i < n; i += L) {
            FloatVector.fromArray(F, p, i).mul(scale).mul(FloatVector.fromArray(F, d, i).sub(delta)).intoArray(d, i);
        }
    }
}
