package dev.kintsugi.sharding.estimate;

/// How many rows of logits exist at once.
public final class LossChunks {
    private static final long MAX_ROWS = 512;
    private static final long MIN_ROWS = 16;
    private static final long MAX_NUMEL = 16L << 20; // 64 MiB of f32

    private LossChunks() {}

    /// Rows of a chunk (the last may be shorter): as many as fit 64 MiB of f32 logits, in multiples of 16, at most 512, at least 16.
    /// A pure function of shapes, so that every number of ranks sums the same chunks.
    public static long rows(long N, long V) {
        long fitting = MAX_NUMEL / V / MIN_ROWS * MIN_ROWS;
        return Math.min(N, Math.clamp(fitting, MIN_ROWS, MAX_ROWS));
    }
}
