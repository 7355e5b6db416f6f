package dev.kintsugi.sharding.estimate;

/// Working memory of the kernels that need any, in elements. Part of the memory estimate, and what the kernels ask for.
public final class ScratchSizes {
    /// Rows of a query block and of a key block of attention.
    public static final int QUERY_BLOCK = 128;
    public static final int KEY_BLOCK = 128;

    private ScratchSizes() {}

    /// f32 elements that attention's forward or backward pass wants, whichever is more: two tiles of scores (probabilities and
    /// their gradient) and two numbers a query row (running maximum and sum, or delta). Blocks, so never T x S; heads and
    /// batch entries follow one another through the same tiles, so B, H and G do not count.
    ///
    /// @param B batch, T query positions, S key positions, H query heads, G key/value heads, D head size
    public static long attentionNumel(long B, long T, long S, long H, long G, long D) {
        long rows = Math.min(T, QUERY_BLOCK);
        long columns = Math.min(S, KEY_BLOCK);
        return 2 * roundUp(rows * columns) + 2 * roundUp(rows);
    }

    /// To whole cache lines, so that every part starts on one.
    private static long roundUp(long numel) {
        return Math.ceilDiv(numel, 16) * 16;
    }
}
