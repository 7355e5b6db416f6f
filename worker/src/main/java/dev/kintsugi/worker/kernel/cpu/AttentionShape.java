package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.memory.Tensor;

/// The extents of an attention call and where things lie in its tensors. Offsets are bytes; the letters are those of `Kernels`.
record AttentionShape(int B, int T, int S, int H, int G, int D) {
    static AttentionShape of(Tensor q, Tensor k) {
        return new AttentionShape(extent(q, 0), extent(q, 1), extent(k, 1), extent(q, 2), extent(k, 2), extent(q, 3));
    }

    private static int extent(Tensor t, int dimension) {
        return Math.toIntExact(t.dim(dimension));
    }

    /// What scores are multiplied by.
    float scale() {
        return (float) (1 / Math.sqrt(D));
    }

    /// Keys that query position t sees.
    int visible(int t) {
        return S - T + t + 1;
    }

    /// Where head h of position t of batch entry b starts in q, out and their gradients `(B, T, H, D)`.
    long query(int b, int t, int h) {
        return (((long) b * T + t) * H + h) * D * 4;
    }

    /// Where the key/value head of query head h at position s of batch entry b starts in k, v and their gradients `(B, S, G, D)`.
    long key(int b, int s, int h) {
        return (((long) b * S + s) * G + h / (H / G)) * D * 4;
    }

    /// Elements between positions in q.
    int queryStride() {
        return H * D;
    }

    /// Elements between positions in k.
    int keyStride() {
        return G * D;
    }

    /// Where position t of head h of batch entry b is in lse `(B, H, T)`.
    long lse(int b, int h, int t) {
        return (((long) b * H + h) * T + t) * 4;
    }

    int queryBlock() {
        return Math.min(T, ScratchSizes.QUERY_BLOCK);
    }

    int keyBlock() {
        return Math.min(S, ScratchSizes.KEY_BLOCK);
    }

    /// The second tile of scores in scratch; the first is at 0. Both are `(queryBlock, keyBlock)` at most.
    long secondTile() {
        return roundUp((long) queryBlock() * keyBlock()) * 4;
    }

    /// Numbers of the query rows, in scratch.
    long rowNumbers() {
        return 2 * secondTile();
    }

    /// More numbers of the query rows, in scratch.
    long moreRowNumbers() {
        return rowNumbers() + roundUp(queryBlock()) * 4;
    }

    private static long roundUp(long numel) {
        return Math.ceilDiv(numel, 16) * 16;
    }
}
