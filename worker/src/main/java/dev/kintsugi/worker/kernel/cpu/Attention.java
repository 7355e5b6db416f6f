package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;

import java.lang.foreign.MemorySegment;

/// Causal attention in blocks with online softmax (Dao 2023, FlashAttention-2, algorithm 1): a tile of scores of a query block
/// against a key block, its running maximum and sum, and the output rescaled as the maximum grows. Key blocks that no query of
/// the block sees are skipped. One thread.
final class Attention {
    /// With fewer query positions than this, a tile's products are bound by memory.
    private static final int FEW = 8;

    private final Matmul matmul;
    private final Matmul thin = new ThinMatmul();
    private final float[] partial = new float[Lanes.SUMS];

    Attention(Matmul matmul) {
        this.matmul = matmul;
    }

    /// See `Kernels#attention` for the tensors.
    void forward(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment scratch,
            AttentionShape at) {
        for (int b = 0; b < at.B(); b++) {
            for (int h = 0; h < at.H(); h++) {
                for (int t = 0; t < at.T(); t += at.queryBlock()) { queryBlock(out, lse, q, k, v, scratch, at, b, h, t); }
            }
        }
    }

    private void queryBlock(MemorySegment out, MemorySegment lse, MemorySegment q, MemorySegment k, MemorySegment v,
            MemorySegment scratch, AttentionShape at, int b, int h, int t) {
        Matmul products = at.T() < FEW ? thin : matmul;
        int rows = Math.min(at.queryBlock(), at.T() - t);
        int visible = at.visible(t + rows - 1);
        MemorySegment queries = q.asSlice(at.query(b, t, h));
        MemorySegment outputs = out.asSlice(at.query(b, t, h));
        MemorySegment max = scratch.asSlice(at.rowNumbers());
        MemorySegment sum = scratch.asSlice(at.moreRowNumbers());
        for (int s = 0; s < visible; s += at.keyBlock()) {
            int columns = Math.min(at.keyBlock(), visible - s);
            products.multiply(scratch, columns, queries, at.queryStride(), false, k.asSlice(at.key(b, s, h)), at.keyStride(), true,
                    rows, columns, at.D(), false);
            for (int row = 0; row < rows; row++) {
                int seen = Math.clamp(at.visible(t + row) - s, 0, columns);
                updateRow(scratch, (long) row * columns * 4, seen, columns, s == 0, max, sum, row * 4L, outputs,
                        (long) row * at.queryStride() * 4, at);
            }
            products.multiply(outputs, at.queryStride(), scratch, columns, false, v.asSlice(at.key(b, s, h)), at.keyStride(), false,
                    rows, at.D(), columns, s > 0);
        }
        for (int row = 0; row < rows; row++) {
            float total = sum.get(FLOAT, row * 4L);
            Elementwise.scale(outputs, (long) row * at.queryStride() * 4, at.D(), 1f / total);
            lse.set(FLOAT, at.lse(b, h, t + row), (float) (max.get(FLOAT, row * 4L) + StrictMath.log(total)));
        }
    }

    /// Turns a row of scores into exponentials relative to the running maximum (0 beyond the `seen` first), and takes the row's
    /// maximum, sum and output along.
    private void updateRow(MemorySegment scores, long scoresAt, int seen, int columns, boolean first, MemorySegment max,
            MemorySegment sum, long numberAt, MemorySegment outputs, long outputAt, AttentionShape at) {
        float scale = at.scale();
        float oldMax = first ? Float.NEGATIVE_INFINITY : max.get(FLOAT, numberAt);
        float newMax = seen == 0 ? oldMax : Math.max(oldMax, Lanes.max(scores, scoresAt, seen) * scale);
        float rowSum = ScoreRow.exponentials(scores, scoresAt, seen, columns, scale, newMax, partial);
        if (first) {
            sum.set(FLOAT, numberAt, rowSum);
        } else if (newMax == oldMax) {
            sum.set(FLOAT, numberAt, sum.get(FLOAT, numberAt) + rowSum);
        } else {
            float shrink = Exp.exp(oldMax - newMax);
            sum.set(FLOAT, numberAt, Math.fma(sum.get(FLOAT, numberAt), shrink, rowSum));
            Elementwise.scale(outputs, outputAt, at.D(), shrink);
        }
        max.set(FLOAT, numberAt, newMax);
    }
}
