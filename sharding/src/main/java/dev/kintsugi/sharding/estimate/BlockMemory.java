package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.GptNeoXConfig;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;

/// Bytes that one block holds in the step arena above where its forward pass begins, each a sum of the tensors that the architecture's
/// `worker.model.Block` allocates, in that order.
///
/// In all methods `norms` says whether norms are kept for the backward pass or made again there.
interface BlockMemory {
    /// @param N rows
    /// @param attentionScratch elements
    /// @param layer what its adapters take
    static BlockMemory of(ModelConfig config, long N, TensorBytes bytes, long attentionScratch, LayerMemory layer) {
        return switch (config) {
            case LlamaConfig llama -> LlamaBlockMemory.of(llama, N, bytes, attentionScratch, layer);
            case GptNeoXConfig neox -> GptNeoXBlockMemory.of(neox, N, bytes, attentionScratch, layer);
        };
    }

    /// What a recorded forward pass leaves, the output included.
    long kept(boolean norms);

    /// The most that a forward pass holds.
    long forwardPeak(boolean norms);

    /// The most that a backward pass holds, what forward left included.
    long backwardPeak(boolean norms);

    /// Numbers that a norm keeps of each row for its backward pass.
    int statisticsPerRow();
}
