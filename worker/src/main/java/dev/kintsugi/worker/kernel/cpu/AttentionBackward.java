package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;

import dev.kintsugi.sharding.estimate.ScratchSizes;
import java.lang.foreign.MemorySegment;

/// The backward pass of [Attention] (Dao 2023, FlashAttention-2, algorithm 2): probabilities are recomputed tile by tile from
/// the scores and the forward pass's log-sum-exp. Gradients add up in f32 scratch, in the order of the heads that share a key/value
/// head, query blocks and key blocks, and are rounded once. One thread.
///
/// ```
/// P = exp(scale Q K^T - lse)   dV += P^T dO   dP = dO V^T   delta = rowsum(dO * O)   dS = scale P * (dP - delta)
/// dQ += dS K   dK += dS^T Q
/// ```
final class AttentionBackward {
    private final Matmul matmul;
    private final float[] partial = new float[Lanes.SUMS];
    private final ScoreRow scoreRow = new ScoreRow();
    private final Elementwise elementwise = new Elementwise();
    private final float[] deltas = new float[ScratchSizes.QUERY_BLOCK];
    private float[] dout = {};
    private float[] out = {};
    private short[] row16 = {};

    AttentionBackward(Matmul matmul) {
        this.matmul = matmul;
    }

    /// The tensors of `Kernels#attentionBackward`.
    record Tensors(MemorySegment dq, MemorySegment dk, MemorySegment dv, MemorySegment dout, MemorySegment out, MemorySegment lse,
            MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment scratch) {}

    void backward(Tensors x, AttentionShape at) {
        int group = at.H() / at.G();
        dout = Rows.atLeast(dout, at.D());
        out = Rows.atLeast(out, at.D());
        if (row16.length < at.D()) { row16 = new short[at.D()]; }
        MemorySegment dk = at.keySums(x.scratch);
        MemorySegment dv = at.valueSums(x.scratch);
        long numel = (long) at.S() * at.D();
        for (int b = 0; b < at.B(); b++) {
            for (int h = 0; h < at.H(); h++) {
                if (h % group == 0) {
                    elementwise.fill(dk, 0f, numel, false);
                    elementwise.fill(dv, 0f, numel, false);
                }
                for (int t = 0; t < at.T(); t += at.queryBlock()) { queryBlock(x, dk, dv, at, b, h, t); }
                if (h % group == group - 1) {
                    for (int s = 0; s < at.S(); s++) {
                        write(x.dk, at.key(b, s, h), dk, (long) s * at.D(), at.D(), at.bf16());
                        write(x.dv, at.key(b, s, h), dv, (long) s * at.D(), at.D(), at.bf16());
                    }
                }
            }
        }
    }

    private void queryBlock(Tensors x, MemorySegment dk, MemorySegment dv, AttentionShape at, int b, int h, int t) {
        int rows = Math.min(at.queryBlock(), at.T() - t);
        int visible = at.visible(t + rows - 1);
        for (int row = 0; row < rows; row++) {
            long from = at.query(b, t + row, h);
            Rows.read(dout, x.dout, from, at.D(), at.bf16());
            Rows.read(out, x.out, from, at.D(), at.bf16());
            deltas[row] = Rows.dot(dout, out, at.D(), partial);
        }
        MemorySegment dq = at.rowSums(x.scratch);
        int first = at.firstTile(b, t);
        for (int s = first; s < visible; s += at.keyBlock()) {
            tile(x, dq, dk, dv, at, b, h, t, rows, s, Math.min(at.keyBlock(), visible - s), s == first);
        }
        for (int row = 0; row < rows; row++) {
            write(x.dq, at.query(b, t + row, h), dq, (long) row * at.D(), at.D(), at.bf16());
        }
    }

    /// A row of f32 sums to where it belongs, in the tensors' type.
    private void write(MemorySegment to, long at, MemorySegment sums, long from, int D, boolean bf16) {
        if (bf16) {
            Rows.read(dout, sums, from, D, false);
            Rows.scale(row16, dout, 0, D, 1f);
            Rows.write(to, at, row16, D);
        } else {
            MemorySegment.copy(sums, from * 4, to, at * 4, D * 4L);
        }
    }

    private void tile(Tensors x, MemorySegment dq, MemorySegment dk, MemorySegment dv, AttentionShape at, int b, int h,
            int t, int rows, int s, int columns, boolean first) {
        int D = at.D();
        int ldq = at.queryStride();
        int ldk = at.keyStride();
        MemorySegment queries = at.slice(x.q, at.query(b, t, h));
        MemorySegment douts = at.slice(x.dout, at.query(b, t, h));
        MemorySegment keys = at.slice(x.k, at.key(b, s, h));
        MemorySegment values = at.slice(x.v, at.key(b, s, h));
        MemorySegment scores = at.scores(x.scratch);
        MemorySegment dP = at.scoreGradients(x.scratch);
        MemorySegment P = at.probabilities(x.scratch);
        MemorySegment dS = at.narrowGradients(x.scratch);
        matmul.multiply(at.toF32(), scores, columns, queries, ldq, false, keys, ldk, true, rows, columns, D, false);
        matmul.multiply(at.toF32(), dP, columns, douts, ldq, false, values, ldk, true, rows, columns, D, false);
        for (int row = 0; row < rows; row++) {
            int from = Math.clamp(at.first(b, t + row) - s, 0, columns);
            int seen = Math.clamp(at.visible(t + row) - s, 0, columns);
            float shift = x.lse.get(FLOAT, at.lse(b, h, t + row) * 4);
            scoreRow.probabilitiesAndGradients(P, dS, scores, dP, (long) row * columns, from, seen, columns, at.scale(), shift,
                    deltas[row], at.bf16());
        }
        long sum = (long) s * D * 4;
        matmul.multiply(at.toF32(), dv.asSlice(sum), D, P, columns, true, douts, ldq, false, columns, D, rows, true);
        matmul.multiply(at.toF32(), dq, D, dS, columns, false, keys, ldk, false, rows, D, columns, !first);
        matmul.multiply(at.toF32(), dk.asSlice(sum), D, dS, columns, true, queries, ldq, false, columns, D, rows, true);
    }
}
