package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.LlamaConfig;

/// Bytes of the step arena for one micro-batch of B sequences of T tokens: not an upper bound but the number itself, since the arena
/// is a stack and every allocation's size and order follow from shapes. The layout, bottom to top:
///
/// ```
/// dStream (N, C)  ids (N)  labels (N)            fixed                        N = B T rows
/// embedding (N, C)
/// block 0 .. L-1                                 what backward needs of each; with checkpointing just its output (N, C)
/// then, in turn: forward scratch, one loss chunk, the backward pass of one block
/// ```
/// All tensors are f32 (token ids and labels i32, as wide). Each is rounded up to 64 bytes, as the arena does.
public final class ActivationEstimate {
    private static final long ALIGNMENT = 64;
    private static final long ELEMENT_BYTES = 4;

    private final long N;
    private final long C;
    private final long queries;
    private final long keyValues;
    private final long F;
    private final long V;
    private final long blocks;
    private final long logSumExp;
    private final long attentionScratch;

    private ActivationEstimate(LlamaConfig c, long B, long T, long attentionScratch) {
        this.N = B * T;
        this.C = c.hiddenSize();
        this.queries = c.queryDim();
        this.keyValues = c.keyValueDim();
        this.F = c.intermediateSize();
        this.V = c.vocabSize();
        this.blocks = c.numHiddenLayers();
        this.logSumExp = tensor(N * c.numAttentionHeads());
        this.attentionScratch = tensor(attentionScratch);
    }

    /// The arena's high-water mark of a training step.
    ///
    /// @param checkpointing whether blocks keep their output only, and run forward again before their backward pass
    public static long stepArenaBytes(LlamaConfig c, long B, long T, boolean checkpointing) {
        long scratch = ScratchSizes.attentionNumel(B, T, T, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        return stepArenaBytes(c, B, T, checkpointing, scratch);
    }

    /// For kernels that want another amount of scratch, such as none.
    ///
    /// @param attentionScratch elements
    public static long stepArenaBytes(LlamaConfig c, long B, long T, boolean checkpointing, long attentionScratch) {
        return new ActivationEstimate(c, B, T, attentionScratch).total(checkpointing);
    }

    /// Enough for a forward pass without gradients of one sequence whose last T of S positions are new: ids, labels, one tensor
    /// for the residual stream, then one block at a time, then logits of `logitRows` rows at a time.
    static long forwardArenaBytes(LlamaConfig c, long T, long S, long logitRows) {
        long scratch = ScratchSizes.attentionNumel(1, T, S, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        var e = new ActivationEstimate(c, 1, T, scratch);
        long head = tensor(logitRows * e.C) + tensor(logitRows) + tensor(logitRows * e.V);
        return 2 * tensor(T) + e.stream() + Math.max(e.forwardPeak(), head);
    }

    private long total(boolean checkpointing) {
        long kept = checkpointing ? stream() : keptByBlock();
        long beforeLastBlock = fixed() + stream() + (blocks - 1) * kept;
        long forward = beforeLastBlock + forwardPeak();
        long loss = beforeLastBlock + kept + lossChunk();
        // A checkpointed block runs again above its own output, which is still there.
        long backward = beforeLastBlock + (checkpointing ? stream() : 0) + backwardPeak();
        return Math.max(forward, Math.max(loss, backward));
    }

    private long fixed() {
        return stream() + 2 * tensor(N);
    }

    private long stream() {
        return tensor(N * C);
    }

    /// Output, first norm and its rstd, q, k, v, attention's output and its log-sum-exp.
    private long keptByAttention() {
        return stream() + stream() + tensor(N) + tensor(N * queries) + 2 * tensor(N * keyValues) + tensor(N * queries) + logSumExp;
    }

    /// Middle of the block, second norm and its rstd; gate, up and their product.
    private long keptByMlp() {
        return 2 * stream() + tensor(N) + 3 * tensor(N * F);
    }

    private long keptByBlock() {
        return keptByAttention() + keptByMlp();
    }

    private long forwardPeak() {
        return Math.max(keptByAttention() + attentionScratch, keptByBlock());
    }

    /// The MLP's part holds the gradient of the product, then of the norm; attention's those of its output and of q, k, v, and above
    /// them first scratch, then the norm's gradient.
    private long backwardPeak() {
        long mlp = Math.max(tensor(N * F), stream());
        long attention = 2 * tensor(N * queries) + 2 * tensor(N * keyValues) + Math.max(attentionScratch, stream());
        return keptByBlock() + Math.max(mlp, attention);
    }

    /// Norm and rstd, logits, gradient of the norm.
    private long lossChunk() {
        long rows = LossChunks.rows(N, V);
        return 2 * tensor(rows * C) + tensor(rows) + tensor(rows * V);
    }

    private static long tensor(long numel) {
        return Math.ceilDiv(numel * ELEMENT_BYTES, ALIGNMENT) * ALIGNMENT;
    }
}
