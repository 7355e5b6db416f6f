package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.plan.ModelPlan;

/// Floating-point operations that training a model takes by its definition, whatever a program does on top of it (recomputation, padding), and
/// the share of the hardware's peak that they make: MFU (Chowdhery et al. 2022, PaLM, appendix B).
///
/// ```
/// P parameters   D tokens   L blocks   H heads   d head size   T tokens of a sample
/// MFU = 6 P D / (seconds x ranks x peak FLOP/s of a rank)
/// ```
/// What is reported as MFU counts `6 P D` alone: a multiplication and an addition for each parameter and token in the forward pass, twice that in
/// the backward pass, P being all parameters (the embedding's too, although looking a row up multiplies nothing, as is usual). Attention's
/// own products are left out, so that figures compare with other people's; [#attention] says how much that is.
///
/// @see <a href="https://arxiv.org/abs/2204.02311">PaLM</a>
public final class ModelFlops {
    private ModelFlops() {}

    /// `6 P D`, forward and backward.
    public static double training(long parameters, long tokens) {
        return 6.0 * parameters * tokens;
    }

    /// The P that [#training] counts with: a frozen weight has no gradient, which is a third of a trained one's operations.
    public static long countedParameters(ModelPlan model) {
        long frozen = model.frozen().map(part -> part.plan().model().numel()).orElse(0L);
        return model.trainedPlan().model().numel() + 2 * frozen / 3;
    }

    /// The products of causal attention, which `6 P D` leaves out: `6 L H d T^2` a sample. Scores and weighted values are `2 H d T^2` each, of which
    /// the mask leaves half, and a window less; backward takes twice that.
    ///
    /// @param samples of T tokens
    public static double attention(ModelConfig c, long samples, long T) {
        return 12.0 * c.numHiddenLayers() * c.queryDim() * c.attentionPairs(T) * samples;
    }

    /// MFU, of all ranks together.
    ///
    /// @param flopsPerSecond of all ranks together: [#training] of a step over its seconds
    /// @param peakOfRank FLOP/s that one rank's hardware could do at most
    /// @throws IllegalArgumentException if ranks or the peak are not positive
    public static double utilization(double flopsPerSecond, int ranks, double peakOfRank) {
        if (ranks < 1 || !(peakOfRank > 0)) {
            throw new IllegalArgumentException("ranks=%d peakOfRank=%s; both must be positive".formatted(ranks, peakOfRank));
        }
        return flopsPerSecond / (ranks * peakOfRank);
    }
}
