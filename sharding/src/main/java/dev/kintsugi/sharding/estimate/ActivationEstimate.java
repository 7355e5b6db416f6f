package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.program.ActivationCheckpointing;

/// Bytes of the step arena for one micro-batch of B sequences of T tokens: not an upper bound but the number itself, since the arena
/// is a stack and every allocation's size and order follow from shapes. The layout, bottom to top:
///
/// ```
/// dStream (N, C)  ids (N)  labels (N)            fixed                        N = B T rows
/// embedding (N, C)
/// block 0 .. L-1                                 what backward needs of each; with full checkpointing just its output (N, C)
/// then, in turn: forward scratch, one loss chunk, the backward pass of one block
/// ```
/// Values are of the compute dtype; statistics and kernel scratch f32, ids and labels i32. Each tensor is rounded up to 64 bytes, as the
/// arena does.
public final class ActivationEstimate {
    private static final long ALIGNMENT = 64;

    private final long N;
    private final long C;
    private final long queries;
    private final long keyValues;
    private final long F;
    private final long V;
    private final long blocks;
    private final long valueBytes;
    private final long logSumExp;
    private final long attentionScratch;

    ActivationEstimate(LlamaConfig c, long B, long T, DType dtype, long attentionScratch) {
        this.N = B * T;
        this.C = c.hiddenSize();
        this.queries = c.queryDim();
        this.keyValues = c.keyValueDim();
        this.F = c.intermediateSize();
        this.V = c.vocabSize();
        this.blocks = c.numHiddenLayers();
        this.valueBytes = dtype.bytes();
        this.logSumExp = statistic(N * c.numAttentionHeads());
        this.attentionScratch = statistic(attentionScratch);
    }

    /// Enough for a forward pass without gradients of one sequence whose last T of S positions are new: ids, labels, one tensor
    /// for the residual stream, then one block at a time, then logits of `logitRows` rows at a time.
    static long forwardArenaBytes(LlamaConfig c, long T, long S, DType dtype, long logitRows) {
        long scratch = ScratchSizes.attentionNumel(1, T, S, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        var e = new ActivationEstimate(c, 1, T, dtype, scratch);
        long head = e.value(logitRows * e.C) + statistic(logitRows) + e.value(logitRows * e.V);
        return 2 * statistic(T) + e.stream() + Math.max(e.forwardPeak(false), head);
    }

    /// The arena's high-water mark of a training step.
    long total(ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long kept = full ? stream() : keptByBlock(norms);
        long forward = mark(blocks, kept) + forwardPeak(norms);
        long loss = mark(blocks + 1, kept) + lossChunk();
        return Math.max(forward, Math.max(loss, backward(blocks, checkpointing)));
    }

    /// The most that the arena holds from the time on that the reduce-scatter of a unit begins: what the backward pass of the block before it needs, since
    /// all those after that need less. The embedding's needs no more than it finds.
    ///
    /// @param unit 0 for the embedding, 1 .. L for blocks, L + 1 for the head
    long highestAfter(int unit, ActivationCheckpointing checkpointing) {
        return switch (unit) {
            case 0 -> fixed();
            case 1 -> fixed() + stream();
            default -> backward(unit - 1, checkpointing);
        };
    }

    /// The arena's height in the backward pass of a block, 1 .. L.
    private long backward(long block, ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long below = mark(block, full ? stream() : keptByBlock(norms));
        // A checkpointed block runs again above its own output, which is still there.
        return below + (full ? stream() : 0) + backwardPeak(norms);
    }

    /// The arena's height when a block's forward pass begins, 1 .. L, or the head's, L + 1.
    private long mark(long unit, long keptByBlock) {
        return fixed() + stream() + (unit - 1) * keptByBlock;
    }

    private long fixed() {
        return stream() + 2 * statistic(N);
    }

    private long stream() {
        return value(N * C);
    }

    private long norm(boolean kept) {
        return kept ? stream() : 0;
    }

    /// Output; q, k, v; rstd and the norm.
    private long keptByProjections(boolean norms) {
        return stream() + value(N * queries) + 2 * value(N * keyValues) + statistic(N) + norm(norms);
    }

    /// The same, attention's output and its log-sum-exp.
    private long keptByAttention(boolean norms) {
        return keptByProjections(norms) + value(N * queries) + logSumExp;
    }

    /// The same, the middle of the block, gate, up, rstd and the norm.
    private long keptByBlock(boolean norms) {
        return keptByAttention(norms) + stream() + 2 * value(N * F) + statistic(N) + norm(norms);
    }

    private long forwardPeak(boolean norms) {
        long projections = keptByProjections(norms) + norm(!norms);
        long mlp = keptByBlock(norms) + Math.max(norm(!norms), value(N * F));
        return Math.max(Math.max(projections, keptByAttention(norms) + attentionScratch), mlp);
    }

    /// The MLP's part holds the gradient of the product, then the norm and its gradient; attention's those of its output and of q, k, v,
    /// and above them first scratch, then the norm.
    private long backwardPeak(boolean norms) {
        long mlp = Math.max(value(N * F), norm(!norms));
        long attention = 2 * value(N * queries) + 2 * value(N * keyValues) + Math.max(attentionScratch, norm(!norms));
        return keptByBlock(norms) + Math.max(mlp, attention);
    }

    /// Norm and rstd, logits; the norm's gradient takes its place.
    private long lossChunk() {
        long rows = LossChunks.rows(N, V);
        return value(rows * C) + statistic(rows) + value(rows * V);
    }

    private long value(long numel) {
        return roundUp(numel * valueBytes);
    }

    /// Ids and labels are as wide.
    private static long statistic(long numel) {
        return roundUp(numel * DType.F32.bytes());
    }

    static long roundUp(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }
}
