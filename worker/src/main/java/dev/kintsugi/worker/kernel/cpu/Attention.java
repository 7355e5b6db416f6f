package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;

import dev.kintsugi.sharding.estimate.ScratchSizes;
import java.lang.foreign.MemorySegment;

/// Causal attention in blocks with online softmax (Dao 2023, FlashAttention-2, algorithm 1): a tile of scores of a query block
/// against a key block, its running maximum and sum, and the output rescaled as the maximum grows. Keys that no query of the
/// block sees are left out. A query whose sample begins in a later tile has seen nothing until then, and a maximum of negative infinity.
/// Scores, sums and the output in the making are f32. One thread.
final class Attention {
    private final Matmul matmul;
    private final ScoreRow scoreRow = new ScoreRow();
    private final float[] max = new float[ScratchSizes.QUERY_BLOCK];
    private final float[] sum = new float[ScratchSizes.QUERY_BLOCK];
    private float[] output = {};
    private short[] output16 = {};

    Attention(Matmul matmul) {
        this.matmul = matmul;
    }

    /// See `Kernels#attention` for the tensors.
    void forward(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment scratch,
            AttentionShape at) {
        output = Rows.atLeast(output, at.D());
        if (output16.length < at.D()) { output16 = new short[at.D()]; }
        for (int b = 0; b < at.B(); b++) {
            for (int h = 0; h < at.H(); h++) {
                for (int t = 0; t < at.T(); t += at.queryBlock()) { queryBlock(out, lse, q, k, v, scratch, at, b, h, t); }
            }
        }
    }

    private void queryBlock(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v,
            MemorySegment scratch, AttentionShape at, int b, int h, int t) {
        int D = at.D();
        int rows = Math.min(at.queryBlock(), at.T() - t);
        int first = at.firstTile(b, t);
        int visible = at.visible(t + rows - 1);
        MemorySegment queries = at.slice(q, at.query(b, t, h));
        MemorySegment scores = at.scores(scratch);
        MemorySegment probabilities = at.probabilities(scratch);
        MemorySegment outputs = at.rowSums(scratch);
        for (int s = first; s < visible; s += at.keyBlock()) {
            int columns = Math.min(at.keyBlock(), visible - s);
            matmul.multiply(at.toF32(), scores, columns, queries, at.queryStride(), false, at.slice(k, at.key(b, s, h)), at.keyStride(),
                    true, rows, columns, D, false);
            for (int row = 0; row < rows; row++) {
                int from = Math.clamp(at.first(b, t + row) - s, 0, columns);
                int seen = Math.clamp(at.visible(t + row) - s, 0, columns);
                updateRow(probabilities, scores, (long) row * columns, from, seen, columns, s == first, row, outputs, at);
            }
            matmul.multiply(at.toF32(), outputs, D, probabilities, columns, false, at.slice(v, at.key(b, s, h)), at.keyStride(), false,
                    rows, D, columns, s > first);
        }
        for (int row = 0; row < rows; row++) {
            write(out, at.query(b, t + row, h), outputs, (long) row * D, D, 1f / sum[row], at.bf16());
            lse.set(FLOAT, at.lse(b, h, t + row) * 4, (float) (max[row] + StrictMath.log(sum[row])));
        }
    }

    private void write(MemorySegment out, long at, MemorySegment outputs, long from, int D, float factor, boolean bf16) {
        Rows.read(output, outputs, from, D, false);
        if (bf16) {
            Rows.scale(output16, output, 0, D, factor);
            Rows.write(out, at, output16, D);
        } else {
            Rows.scale(output, D, factor);
            Rows.write(out, at, output, D, false);
        }
    }

    /// Turns a row of scores into exponentials relative to the running maximum (0 but for columns `[from, seen)`), and takes the row's
    /// maximum, sum and output along.
    private void updateRow(MemorySegment probabilities, MemorySegment scores, long scoresAt, int from, int seen, int columns, boolean first, int row,
            MemorySegment outputs, AttentionShape at) {
        float scale = at.scale();
        float oldMax = first ? Float.NEGATIVE_INFINITY : max[row];
        float newMax = Math.max(oldMax, scoreRow.read(scores, scoresAt, from, seen) * scale);
        float shift = newMax == Float.NEGATIVE_INFINITY ? 0 : newMax;
        float rowSum = scoreRow.exponentials(probabilities, scoresAt, seen, columns, scale, shift, at.bf16());
        if (first) {
            sum[row] = rowSum;
        } else if (newMax == oldMax) {
            sum[row] += rowSum;
        } else {
            float shrink = oldMax == Float.NEGATIVE_INFINITY ? 0 : Exp.exp(oldMax - newMax);
            sum[row] = Math.fma(sum[row], shrink, rowSum);
            write(outputs, (long) row * at.D(), outputs, (long) row * at.D(), at.D(), shrink, false);
        }
        max[row] = newMax;
    }
}
