package dev.kintsugi.sharding.architecture;

import static java.util.Objects.requireNonNull;

/// The settings of Llama and of its relatives, which are one decoder with a few things more or less.
///
/// @param headDim size of one attention head; even, because rotary embeddings pair its halves
/// @param projectionBias whether `q_proj`, `k_proj` and `v_proj` have biases
/// @param outputBias whether `o_proj` has one
/// @param headNorms whether each query and key head goes through a norm of its own before it is rotated (Qwen3)
/// @param initializerRange standard deviation of freshly initialised matrices
public record LlamaConfig(Architecture architecture, int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads,
        int numKeyValueHeads, int headDim, int vocabSize, int maxPositionEmbeddings, double rmsNormEps, double ropeTheta, RopeScaling ropeScaling,
        boolean tieWordEmbeddings, boolean projectionBias, boolean outputBias, boolean mlpBias, boolean headNorms,
        int attentionWindow, double initializerRange) implements ModelConfig {
    public LlamaConfig {
        requireNonNull(architecture, "architecture is null");
        requireNonNull(ropeScaling, "ropeScaling is null");
        if (numAttentionHeads % numKeyValueHeads != 0) {
            throw new IllegalArgumentException("num_attention_heads=%d is not a multiple of num_key_value_heads=%d"
                    .formatted(numAttentionHeads, numKeyValueHeads));
        }
        if (headDim % 2 != 0) {
            throw new IllegalArgumentException("head_dim=%d is odd; rotary embeddings need an even one".formatted(headDim));
        }
    }

    /// A Llama as such.
    ///
    /// @param attentionBias of all four projections of attention
    public LlamaConfig(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int numKeyValueHeads,
            int headDim, int vocabSize, int maxPositionEmbeddings, double rmsNormEps, double ropeTheta, RopeScaling ropeScaling,
            boolean tieWordEmbeddings, boolean attentionBias, boolean mlpBias, double initializerRange) {
        this(Architecture.LLAMA, hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim, vocabSize,
                maxPositionEmbeddings, rmsNormEps, ropeTheta, ropeScaling, tieWordEmbeddings, attentionBias, attentionBias, mlpBias, false,
                NO_WINDOW, initializerRange);
    }

    @Override
    public int rotaryDim() {
        return headDim;
    }

    @Override
    public String embeddingName() {
        return "model.embed_tokens.weight";
    }

    @Override
    public String headName() {
        return "lm_head.weight";
    }

    @Override
    public LlamaConfig withBlocks(int blocks) {
        return new LlamaConfig(architecture, hiddenSize, intermediateSize, Math.min(blocks, numHiddenLayers), numAttentionHeads, numKeyValueHeads,
                headDim, vocabSize, maxPositionEmbeddings, rmsNormEps, ropeTheta, ropeScaling, tieWordEmbeddings, projectionBias, outputBias,
                mlpBias, headNorms, attentionWindow, initializerRange);
    }
}
