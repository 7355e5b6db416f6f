package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;

/// Step memory of inference: one sequence, evaluated at once or generated through a key/value cache.
public final class InferenceEstimate {
    /// Tokens of a prompt that go through the blocks at once.
    public static final int APPEND_ROWS = 256;

    private InferenceEstimate() {}

    /// Bytes that suffice for every call on sequences of up to `positions` tokens.
    ///
    /// @param adapters of the model, or null
    public static long arenaBytes(ModelConfig c, AdaptedModel adapters, long positions, DType dtype) {
        long appended = Math.min(APPEND_ROWS, positions);
        long alone = ActivationEstimate.forwardArenaBytes(c, adapters, positions, positions, dtype, LossChunks.rows(positions, c.vocabSize()));
        return Math.max(alone, ActivationEstimate.forwardArenaBytes(c, adapters, appended, positions, dtype, 1));
    }
}
