package dev.kintsugi.worker.kernel;

/// Which keys a query sees: none after its own position, and of the others the last `window`, its own position included.
public record AttentionMask(int window) {
    /// All keys up to a query's own position.
    public static final AttentionMask CAUSAL = new AttentionMask(Integer.MAX_VALUE);

    public AttentionMask {
        if (window < 1) { throw new IllegalArgumentException("window=%d; a query sees at least its own position".formatted(window)); }
    }

    /// The first key that a query sees whose own position is key `visible - 1`.
    public int first(int visible) {
        return Math.max(0, visible - window);
    }
}
