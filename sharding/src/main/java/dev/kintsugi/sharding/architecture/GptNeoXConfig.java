package dev.kintsugi.sharding.architecture;

import static java.util.Objects.requireNonNull;

/// The settings of GPT-NeoX (Pythia and others).
///
/// @param rotaryDim leading elements of a head that are rotated
/// @param attentionBias whether attention's projections have biases; the MLP's always have
/// @param parallelResidual whether attention and MLP both read the block's input, instead of the MLP what attention made of it
/// @param initializerRange standard deviation of freshly initialised matrices
public record GptNeoXConfig(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int vocabSize, int maxPositionEmbeddings,
        double layerNormEps, int rotaryDim, double ropeTheta, RopeScaling ropeScaling, boolean tieWordEmbeddings, boolean attentionBias,
        boolean parallelResidual, Activation activation, double initializerRange) implements ModelConfig {
    public GptNeoXConfig {
        requireNonNull(ropeScaling, "ropeScaling is null");
        requireNonNull(activation, "activation is null");
        if (hiddenSize % numAttentionHeads != 0) {
            throw new IllegalArgumentException("hidden_size=%d is not a multiple of num_attention_heads=%d".formatted(hiddenSize, numAttentionHeads));
        }
        if (rotaryDim < 2 || rotaryDim % 2 != 0 || rotaryDim > hiddenSize / numAttentionHeads) {
            throw new IllegalArgumentException("%d of the %d elements of a head are rotated (rotary_pct); it must be an even number of them"
                    .formatted(rotaryDim, hiddenSize / numAttentionHeads));
        }
    }

    @Override
    public Architecture architecture() {
        return Architecture.GPT_NEOX;
    }

    @Override
    public int numKeyValueHeads() {
        return numAttentionHeads;
    }

    @Override
    public int headDim() {
        return hiddenSize / numAttentionHeads;
    }

    @Override
    public int attentionWindow() {
        return NO_WINDOW;
    }

    @Override
    public String embeddingName() {
        return "gpt_neox.embed_in.weight";
    }

    @Override
    public String headName() {
        return "embed_out.weight";
    }

    @Override
    public GptNeoXConfig withBlocks(int blocks) {
        return new GptNeoXConfig(hiddenSize, intermediateSize, Math.min(blocks, numHiddenLayers), numAttentionHeads, vocabSize, maxPositionEmbeddings,
                layerNormEps, rotaryDim, ropeTheta, ropeScaling, tieWordEmbeddings, attentionBias, parallelResidual, activation, initializerRange);
    }
}
