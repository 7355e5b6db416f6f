package dev.kintsugi.sharding.estimate;

import static dev.kintsugi.sharding.estimate.TensorBytes.statistic;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
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
    private final TensorBytes bytes;
    private final long N;
    private final long C;
    private final long V;
    private final long blocks;
    private final BlockMemory block;

    ActivationEstimate(ModelConfig c, long B, long T, DType dtype, long attentionScratch) {
        this.bytes = new TensorBytes(dtype);
        this.N = B * T;
        this.C = c.hiddenSize();
        this.V = c.vocabSize();
        this.blocks = c.numHiddenLayers();
        this.block = BlockMemory.of(c, N, bytes, attentionScratch);
    }

    /// Enough for a forward pass without gradients of one sequence whose last T of S positions are new: ids, labels, one tensor
    /// for the residual stream, then one block at a time, then logits of `logitRows` rows at a time.
    static long forwardArenaBytes(ModelConfig c, long T, long S, DType dtype, long logitRows) {
        long scratch = ScratchSizes.attentionNumel(1, T, S, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        var e = new ActivationEstimate(c, 1, T, dtype, scratch);
        long head = e.head(logitRows);
        return 2 * statistic(T) + e.stream() + Math.max(e.block.forwardPeak(false), head);
    }

    /// Enough to evaluate a micro-batch of this many sequences above what a training step of another many has fixed: ids, labels, one tensor for the
    /// residual stream, then one block at a time, then a loss chunk.
    long evaluation(ActivationEstimate training) {
        return training.fixed() + 2 * statistic(N) + stream() + Math.max(block.forwardPeak(false), lossChunk());
    }

    /// The arena's high-water mark of a training step.
    long total(ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long kept = full ? stream() : block.kept(norms);
        long forward = mark(blocks, kept) + block.forwardPeak(norms);
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
    private long backward(long unit, ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long below = mark(unit, full ? stream() : block.kept(norms));
        // A checkpointed block runs again above its own output, which is still there.
        return below + (full ? stream() : 0) + block.backwardPeak(norms);
    }

    /// The arena's height when a block's forward pass begins, 1 .. L, or the head's, L + 1.
    private long mark(long unit, long keptByBlock) {
        return fixed() + stream() + (unit - 1) * keptByBlock;
    }

    private long fixed() {
        return stream() + 2 * statistic(N);
    }

    private long stream() {
        return bytes.value(N * C);
    }

    /// The norm's gradient takes its place.
    private long lossChunk() {
        return head(LossChunks.rows(N, V));
    }

    /// Norm and its statistics, logits.
    private long head(long rows) {
        return bytes.value(rows * C) + statistic(rows * block.statisticsPerRow()) + bytes.value(rows * V);
    }
}
