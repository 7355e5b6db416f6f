package dev.kintsugi.worker.kernel;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.ValueLayout;

/// Which keys a query sees: none after its own position, of the others the last `window`, its own position included, and none of another sample where
/// a row holds several.
///
/// @param positions (B, T) I32, of each token in its own sample, for whole sequences of T; null where a row is one sample
public record AttentionMask(int window, Tensor positions) {
    /// All keys up to a query's own position.
    public static final AttentionMask CAUSAL = new AttentionMask(Integer.MAX_VALUE);

    public AttentionMask {
        if (window < 1) { throw new IllegalArgumentException("window=%d; a query sees at least its own position".formatted(window)); }
        if (positions != null && (positions.dtype() != DType.I32 || positions.rank() != 2)) {
            throw new IllegalArgumentException("positions=%s; must be I32 (B, T)".formatted(positions));
        }
    }

    public AttentionMask(int window) {
        this(window, null);
    }

    /// Whether rows may hold several samples.
    public boolean hasSamples() {
        return positions != null;
    }

    /// The first key that query t of batch entry b sees, whose own position is key `visible - 1`.
    public int first(int b, int t, int visible) {
        int windowed = Math.max(0, visible - window);
        return positions == null ? windowed : Math.max(windowed, visible - 1 - position(b, t));
    }

    private int position(int b, int t) {
        return positions.data().getAtIndex(ValueLayout.JAVA_INT, b * positions.dim(1) + t);
    }

    /// Of some batch entries.
    public AttentionMask rows(long from, long count) {
        return positions == null ? this : new AttentionMask(window, positions.rows(from, count));
    }
}
