package dev.kintsugi.sharding.estimate;

/// Working memory of the kernels that need any, in elements. Part of the memory estimate, and what the kernels ask for.
public final class ScratchSizes {
    /// Rows of a query block and of a key block of attention: a tile of scores is 256 KiB and stays in the second-level cache.
    public static final int QUERY_BLOCK = 128;
    public static final int KEY_BLOCK = 512;

    private ScratchSizes() {}

    /// f32 elements that attention's forward or backward pass wants, whichever is more: two tiles of scores (of one head) and one more for
    /// both as bf16, a row of sums a query of the block, and two rows of sums a key. Blocks, so never T x S; heads and
    /// batch entries follow one another through the same scratch, so B, H and G do not count.
    ///
    /// @param B batch, T query positions, S key positions, H query heads, G key/value heads, D head size
    public static long attentionNumel(long B, long T, long S, long H, long G, long D) {
        long rows = Math.min(T, QUERY_BLOCK);
        return 3 * tileNumel(T, S) + roundUp(rows * D) + 2 * roundUp(S * D);
    }

    /// The same for kernels of several threads, each of which has its own.
    public static long attentionNumel(int threads, long B, long T, long S, long H, long G, long D) {
        return threads * attentionNumel(B, T, S, H, G, D);
    }

    /// Elements of a tile of scores.
    public static long tileNumel(long T, long S) {
        return roundUp(Math.min(T, QUERY_BLOCK) * Math.min(S, KEY_BLOCK));
    }

    /// To whole cache lines, so that every part starts on one.
    public static long roundUp(long numel) {
        return Math.ceilDiv(numel, 16) * 16;
    }
}
