package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;

import java.lang.foreign.MemorySegment;

/// The backward pass of [Attention] (Dao 2023, FlashAttention-2, algorithm 2): probabilities are recomputed tile by tile from
/// the scores and the forward pass's log-sum-exp. Gradients add up in place, in the order of heads, query blocks and key
/// blocks. One thread.
///
/// ```
/// P = exp(scale Q K^T - lse)   dV += P^T dO   dP = dO V^T   delta = rowsum(dO * O)   dS = scale P * (dP - delta)
/// dQ += dS K   dK += dS^T Q
/// ```
final class AttentionBackward {
    private final Matmul matmul;
    private final float[] partial = new float[Lanes.SUMS];

    AttentionBackward(Matmul matmul) {
        this.matmul = matmul;
    }

    /// See `Kernels#attentionBackward` for the tensors.
    void backward(MemorySegment dq, MemorySegment dk, MemorySegment dv, MemorySegment dout, MemorySegment out, MemorySegment lse,
            MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment scratch, AttentionShape at) {
        Elementwise.fill(dk, 0f, dk.byteSize() / 4);
        Elementwise.fill(dv, 0f, dv.byteSize() / 4);
        for (int b = 0; b < at.B(); b++) {
            for (int h = 0; h < at.H(); h++) {
                for (int t = 0; t < at.T(); t += at.queryBlock()) {
                    int rows = Math.min(at.queryBlock(), at.T() - t);
                    deltas(scratch, dout, out, at, b, h, t, rows);
                    for (int s = 0; s < at.visible(t + rows - 1); s += at.keyBlock()) {
                        tile(dq, dk, dv, dout, lse, q, k, v, scratch, at, b, h, t, rows, s);
                    }
                }
            }
        }
    }

    private void deltas(MemorySegment scratch, MemorySegment dout, MemorySegment out, AttentionShape at, int b, int h, int t,
            int rows) {
        for (int row = 0; row < rows; row++) {
            long from = at.query(b, t + row, h);
            scratch.set(FLOAT, at.rowNumbers() + row * 4L, Lanes.dot(dout, from, out, from, at.D(), partial));
        }
    }

    private void tile(MemorySegment dq, MemorySegment dk, MemorySegment dv, MemorySegment dout, MemorySegment lse, MemorySegment q,
            MemorySegment k, MemorySegment v, MemorySegment scratch, AttentionShape at, int b, int h, int t, int rows, int s) {
        int columns = Math.min(at.keyBlock(), at.visible(t + rows - 1) - s);
        int D = at.D();
        int ldq = at.queryStride();
        int ldk = at.keyStride();
        MemorySegment queries = q.asSlice(at.query(b, t, h));
        MemorySegment douts = dout.asSlice(at.query(b, t, h));
        MemorySegment keys = k.asSlice(at.key(b, s, h));
        MemorySegment values = v.asSlice(at.key(b, s, h));
        MemorySegment P = scratch;
        MemorySegment dP = scratch.asSlice(at.secondTile());
        matmul.multiply(P, columns, queries, ldq, false, keys, ldk, true, rows, columns, D, false);
        for (int row = 0; row < rows; row++) {
            int seen = Math.clamp(at.visible(t + row) - s, 0, columns);
            float shift = lse.get(FLOAT, at.lse(b, h, t + row));
            ScoreRow.exponentials(P, (long) row * columns * 4, seen, columns, at.scale(), shift, partial);
        }
        matmul.multiply(dv.asSlice(at.key(b, s, h)), ldk, P, columns, true, douts, ldq, false, columns, D, rows, true);
        matmul.multiply(dP, columns, douts, ldq, false, values, ldk, true, rows, columns, D, false);
        for (int row = 0; row < rows; row++) {
            float delta = scratch.get(FLOAT, at.rowNumbers() + row * 4L);
            ScoreRow.gradients(P, dP, (long) row * columns * 4, columns, delta, at.scale());
        }
        matmul.multiply(dq.asSlice(at.query(b, t, h)), ldq, P, columns, false, keys, ldk, false, rows, D, columns, s > 0);
        matmul.multiply(dk.asSlice(at.key(b, s, h)), ldk, P, columns, true, queries, ldq, false, columns, D, rows, true);
    }
}
