package dev.kintsugi.sharding.estimate;

import static dev.kintsugi.sharding.estimate.TensorBytes.statistic;

import dev.kintsugi.sharding.architecture.GptNeoXConfig;

/// See `worker.model.GptNeoXBlock`.
///
/// @param stream of the residual stream, a norm of it, and all heads' queries, keys or values
/// @param joined of queries, keys and values in one tensor
/// @param hidden of the MLP's hidden values
/// @param rowStatistics of a norm: mean and rstd
/// @param logSumExp attention's statistic
/// @param streamGradient of the residual stream's gradient where attention and MLP read the same: the MLP's part may not add to what attention still
///     has to read
/// @param scratch of attention
/// @param frozenNorm gradients of a norm that are made for nobody
/// @param layer what its adapters take
record GptNeoXBlockMemory(long stream, long joined, long hidden, long rowStatistics, long logSumExp, long streamGradient,
        long scratch, long frozenNorm, LayerMemory layer) implements BlockMemory {
    private static final String HEADS = "attention.query_key_value";
    private static final String OUTPUT = "attention.dense";
    private static final String UP = "mlp.dense_h_to_4h";
    private static final String DOWN = "mlp.dense_4h_to_h";

    static GptNeoXBlockMemory of(GptNeoXConfig c, long N, TensorBytes bytes, long attentionScratch, LayerMemory layer) {
        long stream = bytes.value(N * c.hiddenSize());
        return new GptNeoXBlockMemory(stream, bytes.value(3 * N * c.hiddenSize()), bytes.value(N * c.intermediateSize()), statistic(2 * N),
                statistic(N * c.numAttentionHeads()), c.parallelResidual() ? stream : 0, statistic(attentionScratch),
                layer.frozenNorm(c.hiddenSize(), 2), layer);
    }

    private long norm(boolean held) {
        return held ? stream : 0;
    }

    /// Output; q, k, v; statistics and the norm.
    private long keptByProjections(boolean norms) {
        return 4 * stream + rowStatistics + norm(norms);
    }

    /// The same, attention's output and its log-sum-exp.
    private long keptByAttention(boolean norms) {
        return keptByProjections(norms) + stream + logSumExp;
    }

    /// The same, the middle of the block, hidden values, statistics and the norm.
    @Override
    public long kept(boolean norms) {
        return keptByAttention(norms) + stream + hidden + rowStatistics + norm(norms);
    }

    @Override
    public long forwardPeak(boolean norms) {
        long projections = keptByProjections(norms) + norm(!norms) + joined + layer.forward(HEADS);
        long attention = keptByAttention(norms) + Math.max(scratch, stream + layer.forward(OUTPUT));
        long mlp = kept(norms) + Math.max(norm(!norms) + layer.forward(UP), hidden + layer.forward(DOWN));
        return Math.max(Math.max(projections, attention), mlp);
    }

    /// The MLP's part holds the gradient of the activation, then the norm; attention's the gradients of its output and of q, k, v, and above them
    /// first scratch, then the norm and the joined gradient.
    @Override
    public long backwardPeak(boolean norms) {
        long mlp = Math.max(hidden + layer.gradients(DOWN), streamGradient + norm(!norms) + Math.max(layer.gradients(UP), frozenNorm));
        long output = streamGradient + Math.max(layer.gradients(OUTPUT), stream + layer.forward(OUTPUT));
        long attention = streamGradient + 4 * stream + Math.max(scratch, norm(!norms) + joined + Math.max(layer.gradients(HEADS), frozenNorm));
        return kept(norms) + Math.max(Math.max(mlp, output), attention);
    }

    @Override
    public int statisticsPerRow() {
        return 2;
    }
}
