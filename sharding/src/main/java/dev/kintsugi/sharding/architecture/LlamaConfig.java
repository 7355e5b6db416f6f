package dev.kintsugi.sharding.architecture;

/// A Llama's `config.json`, checked. Names are Transformers' own, in Java's spelling.
///
/// @param ropeTheta base of the rotary frequencies
/// @param initializerRange standard deviation of freshly initialised matrices
public record LlamaConfig(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int numKeyValueHeads,
        int headDim, int vocabSize, int maxPositionEmbeddings, double rmsNormEps, double ropeTheta, RopeScaling ropeScaling,
        boolean tieWordEmbeddings, boolean attentionBias, boolean mlpBias, double initializerRange) {
}
