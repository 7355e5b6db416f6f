package dev.kintsugi.sharding.architecture;

import static java.util.Objects.requireNonNull;

/// A Llama's `config.json`, checked. Names are Transformers' own, in Java's spelling; [LlamaConfigParser] reads it.
///
/// @param headDim size of one attention head; even, because rotary embeddings pair its halves
/// @param ropeTheta base of the rotary frequencies
/// @param initializerRange standard deviation of freshly initialised matrices
public record LlamaConfig(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int numKeyValueHeads,
        int headDim, int vocabSize, int maxPositionEmbeddings, double rmsNormEps, double ropeTheta, RopeScaling ropeScaling,
        boolean tieWordEmbeddings, boolean attentionBias, boolean mlpBias, double initializerRange) {
    public LlamaConfig {
        requireNonNull(ropeScaling, "ropeScaling is null");
        if (numAttentionHeads % numKeyValueHeads != 0) {
            throw new IllegalArgumentException("num_attention_heads=%d is not a multiple of num_key_value_heads=%d"
                    .formatted(numAttentionHeads, numKeyValueHeads));
        }
        if (headDim % 2 != 0) {
            throw new IllegalArgumentException("head_dim=%d is odd; rotary embeddings need an even one".formatted(headDim));
        }
    }

    /// Output features of `q_proj`.
    public int queryDim() {
        return numAttentionHeads * headDim;
    }

    /// Output features of `k_proj` and of `v_proj`.
    public int keyValueDim() {
        return numKeyValueHeads * headDim;
    }
}
