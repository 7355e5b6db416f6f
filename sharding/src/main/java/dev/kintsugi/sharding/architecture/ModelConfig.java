package dev.kintsugi.sharding.architecture;

/// A decoder's `config.json`, checked: what is common to all architectures. Names are Transformers' own, in Java's spelling;
/// [ModelConfigParser] reads it.
public sealed interface ModelConfig permits LlamaConfig {
    /// More positions than any sequence has.
    int NO_WINDOW = Integer.MAX_VALUE;

    Architecture architecture();

    int hiddenSize();

    int intermediateSize();

    int numHiddenLayers();

    int numAttentionHeads();

    int numKeyValueHeads();

    /// Size of one attention head.
    int headDim();

    /// Leading elements of a head that are rotated; even, because rotary embeddings pair their halves.
    int rotaryDim();

    int vocabSize();

    int maxPositionEmbeddings();

    /// Base of the rotary frequencies.
    double ropeTheta();

    RopeScaling ropeScaling();

    boolean tieWordEmbeddings();

    /// Positions that a query sees, its own and those before it; [#NO_WINDOW] when it sees all.
    int attentionWindow();

    /// The name of the token embedding's matrix; also that of the head when they are tied.
    String embeddingName();

    /// The name of the head's matrix in files; a tied model has it only there, if at all.
    String headName();

    /// The same model with `blocks` transformer blocks, or as many as it has if these are fewer.
    ModelConfig withBlocks(int blocks);

    /// Pairs of a query and a key that it sees, in a sequence of T positions, counted as `T^2 / 2` where all are seen.
    default double attentionPairs(long T) {
        long window = Math.min(T, attentionWindow());
        return window * (T - window / 2.0);
    }

    /// Elements of all query heads of a position.
    default int queryDim() {
        return numAttentionHeads() * headDim();
    }

    /// Elements of all key heads of a position; as many as of its value heads.
    default int keyValueDim() {
        return numKeyValueHeads() * headDim();
    }
}
