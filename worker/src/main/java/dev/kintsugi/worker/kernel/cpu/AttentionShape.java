package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;

/// The extents of an attention call and where things lie in its tensors and its scratch. Offsets are elements; the letters are those of
/// `Kernels`. Scratch is what [ScratchSizes#attentionNumel] says:
///
/// ```
/// tile of scores | tile of their gradients | both as bf16, half a tile each | sums of query rows (rows, D) |
/// sums of key rows (S, D) | sums of value rows (S, D)
/// ```
record AttentionShape(int B, int T, int S, int H, int G, int D, boolean bf16, AttentionMask mask) {
    private static final int TILE_STEP = 32;

    static AttentionShape of(Tensor q, Tensor k, AttentionMask mask) {
        if (mask.hasSamples() && (mask.positions().dim(0) != q.dim(0) || mask.positions().dim(1) != q.dim(1) || q.dim(1) != k.dim(1))) {
            throw new IllegalArgumentException("positions=%s of q=%s and k=%s; must be (B, T), and T == S".formatted(mask.positions(), q, k));
        }
        return new AttentionShape(extent(q, 0), extent(q, 1), extent(k, 1), extent(q, 2), extent(k, 2), extent(q, 3),
                q.dtype() == DType.BF16, mask);
    }

    private static int extent(Tensor t, int dimension) {
        return Math.toIntExact(t.dim(dimension));
    }

    /// Products of the tensors' type into f32.
    Matmul.Types toF32() {
        return bf16 ? Matmul.Types.BF16_TO_F32 : Matmul.Types.F32;
    }

    /// `x` from element `at` on.
    MemorySegment slice(MemorySegment x, long at) {
        return x.asSlice(at * (bf16 ? 2 : 4));
    }

    /// What scores are multiplied by.
    float scale() {
        return (float) (1 / Math.sqrt(D));
    }

    /// Where the keys end that query position t sees.
    int visible(int t) {
        return S - T + t + 1;
    }

    /// The first key that query position t of batch entry b sees; a later query sees no earlier one.
    int first(int b, int t) {
        return mask.first(b, t, visible(t));
    }

    /// Where the tiles of a query block begin that begins with query t. Where samples begin anywhere, tiles begin on a grid: every new extent costs the
    /// matrix products' preparation.
    int firstTile(int b, int t) {
        return mask.hasSamples() ? first(b, t) / TILE_STEP * TILE_STEP : first(b, t);
    }

    /// Where head h of position t of batch entry b starts in q, out and their gradients `(B, T, H, D)`.
    long query(int b, int t, int h) {
        return (((long) b * T + t) * H + h) * D;
    }

    /// Where the key/value head of query head h at position s of batch entry b starts in k, v and their gradients `(B, S, G, D)`.
    long key(int b, int s, int h) {
        return (((long) b * S + s) * G + h / (H / G)) * D;
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
        return ((long) b * H + h) * T + t;
    }

    int queryBlock() {
        return Math.min(T, ScratchSizes.QUERY_BLOCK);
    }

    int keyBlock() {
        return Math.min(S, ScratchSizes.KEY_BLOCK);
    }

    MemorySegment scores(MemorySegment scratch) {
        return scratch;
    }

    MemorySegment scoreGradients(MemorySegment scratch) {
        return scratch.asSlice(tile() * 4);
    }

    /// f32 probabilities are written over the scores.
    MemorySegment probabilities(MemorySegment scratch) {
        return bf16 ? scratch.asSlice(2 * tile() * 4) : scores(scratch);
    }

    /// f32 gradients of the scores are written over those of the probabilities.
    MemorySegment narrowGradients(MemorySegment scratch) {
        return bf16 ? scratch.asSlice(2 * tile() * 4 + tile() * 2) : scoreGradients(scratch);
    }

    /// f32, a row of D for each query of the block.
    MemorySegment rowSums(MemorySegment scratch) {
        return scratch.asSlice(3 * tile() * 4);
    }

    /// f32, a row of D for each key.
    MemorySegment keySums(MemorySegment scratch) {
        return rowSums(scratch).asSlice(ScratchSizes.roundUp((long) queryBlock() * D) * 4);
    }

    MemorySegment valueSums(MemorySegment scratch) {
        return keySums(scratch).asSlice(ScratchSizes.roundUp((long) S * D) * 4);
    }

    private long tile() {
        return ScratchSizes.tileNumel(T, S);
    }
}
