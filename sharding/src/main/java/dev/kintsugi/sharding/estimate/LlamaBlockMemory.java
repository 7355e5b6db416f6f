package dev.kintsugi.sharding.estimate;

import static dev.kintsugi.sharding.estimate.TensorBytes.statistic;

import dev.kintsugi.sharding.architecture.LlamaConfig;

/// See `worker.model.LlamaBlock`.
///
/// @param stream of the residual stream, and of a norm of it
/// @param queries of all query heads
/// @param keyValues of all key heads, and of all value heads
/// @param hidden of gate, and of up
/// @param rowStatistic a number for each row
/// @param logSumExp attention's statistic
/// @param headNorms of normed queries and keys, and their statistics; 0 without such norms
/// @param scratch of attention
/// @param frozenNorm, frozenHeadNorm gradients of norms that are made for nobody
/// @param layer what its adapters take
record LlamaBlockMemory(long stream, long queries, long keyValues, long hidden, long rowStatistic, long logSumExp, long headNorms,
        long scratch, long frozenNorm, long frozenHeadNorm, LayerMemory layer) implements BlockMemory {
    private static final String QUERIES = "self_attn.q_proj";
    private static final String KEYS = "self_attn.k_proj";
    private static final String VALUES = "self_attn.v_proj";
    private static final String OUTPUT = "self_attn.o_proj";
    private static final String GATE = "mlp.gate_proj";
    private static final String UP = "mlp.up_proj";
    private static final String DOWN = "mlp.down_proj";

    static LlamaBlockMemory of(LlamaConfig c, long N, TensorBytes bytes, long attentionScratch, LayerMemory layer) {
        long queries = bytes.value(N * c.queryDim());
        long keyValues = bytes.value(N * c.keyValueDim());
        long headNorms = queries + statistic(N * c.numAttentionHeads()) + keyValues + statistic(N * c.numKeyValueHeads());
        return new LlamaBlockMemory(bytes.value(N * c.hiddenSize()), queries, keyValues, bytes.value(N * c.intermediateSize()), statistic(N),
                statistic(N * c.numAttentionHeads()), c.headNorms() ? headNorms : 0, statistic(attentionScratch),
                layer.frozenNorm(c.hiddenSize(), 1), c.headNorms() ? layer.frozenNorm(c.headDim(), 1) : 0, layer);
    }

    private long norm(boolean held) {
        return held ? stream : 0;
    }

    /// Output; q, k, v; rstd and the norm.
    private long keptByProjections(boolean norms) {
        return stream + queries + 2 * keyValues + rowStatistic + norm(norms);
    }

    /// The same, the heads' norms, attention's output and its log-sum-exp.
    private long keptByAttention(boolean norms) {
        return keptByProjections(norms) + headNorms + queries + logSumExp;
    }

    /// The same, the middle of the block, gate, up, rstd and the norm.
    @Override
    public long kept(boolean norms) {
        return keptByAttention(norms) + stream + 2 * hidden + rowStatistic + norm(norms);
    }

    @Override
    public long forwardPeak(boolean norms) {
        long projections = keptByProjections(norms) + norm(!norms) + layer.forward(QUERIES, KEYS, VALUES);
        long attention = keptByAttention(norms) + Math.max(scratch, stream + layer.forward(OUTPUT));
        long mlp = kept(norms) + Math.max(norm(!norms) + layer.forward(GATE, UP), hidden + layer.forward(DOWN));
        return Math.max(Math.max(projections, attention), mlp);
    }

    /// The MLP's part holds the gradient of the product, then the norm and its gradient; attention's those of its output and of q, k, v,
    /// and above them first scratch, then the norm. Gradients before the heads' norms take the place of values.
    @Override
    public long backwardPeak(boolean norms) {
        long mlp = Math.max(hidden + layer.gradients(DOWN), norm(!norms) + Math.max(layer.gradients(GATE, UP), frozenNorm));
        long output = Math.max(layer.gradients(OUTPUT), queries + layer.forward(OUTPUT));
        long entry = Math.max(norm(!norms) + Math.max(layer.gradients(QUERIES, KEYS, VALUES), frozenNorm), frozenHeadNorm);
        long attention = 2 * queries + 2 * keyValues + Math.max(scratch, entry);
        return kept(norms) + Math.max(Math.max(mlp, output), attention);
    }

    @Override
    public int statisticsPerRow() {
        return 1;
    }
}
