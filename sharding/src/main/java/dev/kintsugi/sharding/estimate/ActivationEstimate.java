package dev.kintsugi.sharding.estimate;

import static dev.kintsugi.sharding.estimate.TensorBytes.statistic;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

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
    private final List<BlockMemory> blocks;
    private final long frozenFinalNorm;

    private ActivationEstimate(ModelConfig c, long N, TensorBytes bytes, List<BlockMemory> blocks, long frozenFinalNorm) {
        this.bytes = bytes;
        this.N = N;
        this.C = c.hiddenSize();
        this.V = c.vocabSize();
        this.blocks = blocks;
        this.frozenFinalNorm = frozenFinalNorm;
    }

    /// For training.
    static ActivationEstimate of(ModelPlan model, long B, long T, DType dtype, long attentionScratch) {
        var bytes = new TensorBytes(dtype);
        ModelConfig c = model.config();
        List<BlockMemory> blocks = IntStream.rangeClosed(1, model.lastBlock()).mapToObj(layer -> BlockMemory.of(c, B * T, bytes, attentionScratch,
                LayerMemory.of(model, layer, B * T, bytes))).toList();
        return new ActivationEstimate(c, B * T, bytes, blocks, LayerMemory.of(model, model.headLayer(), B * T, bytes).frozenNorm(c.hiddenSize(),
                blocks.getFirst().statisticsPerRow()));
    }

    /// For inference.
    ///
    /// @param adapters of the model, or null
    private static ActivationEstimate ofForward(ModelConfig c, AdaptedModel adapters, long N, TensorBytes bytes, long attentionScratch) {
        if (adapters == null) {
            BlockMemory block = BlockMemory.of(c, N, bytes, attentionScratch, LayerMemory.plain(N, bytes));
            return new ActivationEstimate(c, N, bytes, Collections.nCopies(c.numHiddenLayers(), block), 0);
        }
        List<BlockMemory> blocks = adapters.frozen().units().stream().filter(u -> u.kind() == UnitSpec.Kind.BLOCK)
                .map(u -> BlockMemory.of(c, N, bytes, attentionScratch, LayerMemory.of(adapters, u.name(), N, bytes))).toList();
        return new ActivationEstimate(c, N, bytes, blocks, 0);
    }

    /// Enough for a forward pass without gradients of one sequence whose last T of S positions are new: ids, labels, one tensor
    /// for the residual stream, then one block at a time, then logits of `logitRows` rows at a time.
    ///
    /// @param adapters of the model, or null
    static long forwardArenaBytes(ModelConfig c, AdaptedModel adapters, long T, long S, DType dtype, long logitRows) {
        long scratch = ScratchSizes.attentionNumel(1, T, S, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        var bytes = new TensorBytes(dtype);
        var e = ofForward(c, adapters, T, bytes, scratch);
        long head = e.head(logitRows);
        return 2 * statistic(T) + e.stream() + Math.max(e.forwardPeak(), head);
    }

    /// Enough to evaluate a micro-batch of this many sequences above what a training step of another many has fixed: ids, labels, one tensor for the
    /// residual stream, then one block at a time, then a loss chunk.
    long evaluation(ActivationEstimate training) {
        return training.fixed() + 2 * statistic(N) + stream() + Math.max(forwardPeak(), head(LossChunks.rows(N, V)));
    }

    /// Of the block that needs most, without recording.
    private long forwardPeak() {
        return blocks.stream().mapToLong(b -> b.forwardPeak(false)).max().orElse(0);
    }

    /// The arena's high-water mark of a training step.
    long total(ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long kept = full ? stream() : blocks.getFirst().kept(norms);
        long most = mark(blocks.size() + 1L, kept) + lossChunk();
        for (int layer = 1; layer <= blocks.size(); layer++) {
            long forward = mark(layer, kept) + blocks.get(layer - 1).forwardPeak(norms);
            most = Math.max(most, Math.max(forward, backward(layer, checkpointing)));
        }
        return most;
    }

    /// The most that the arena holds from the time on that the reduce-scatter of a unit begins: what the backward passes of the blocks before it need.
    /// The embedding's needs no more than it finds.
    ///
    /// @param layer 0 for the embedding, 1 .. L for blocks, L + 1 for the head
    long highestAfter(int layer, ActivationCheckpointing checkpointing) {
        if (layer == 0) { return fixed(); }
        long most = fixed() + stream();
        for (int before = 1; before < layer; before++) { most = Math.max(most, backward(before, checkpointing)); }
        return most;
    }

    /// The arena's height in the backward pass of a block, 1 .. L.
    private long backward(int layer, ActivationCheckpointing checkpointing) {
        BlockMemory block = blocks.get(layer - 1);
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        boolean norms = checkpointing == ActivationCheckpointing.NONE;
        long below = mark(layer, full ? stream() : block.kept(norms));
        // A checkpointed block runs again above its own output, which is still there.
        return below + (full ? stream() : 0) + block.backwardPeak(norms);
    }

    /// The arena's height when a block's forward pass begins, 1 .. L, or the head's, L + 1.
    private long mark(long layer, long keptByBlock) {
        return fixed() + stream() + (layer - 1) * keptByBlock;
    }

    private long fixed() {
        return stream() + 2 * statistic(N);
    }

    private long stream() {
        return bytes.value(N * C);
    }

    /// The norm's gradient takes its place.
    private long lossChunk() {
        return head(LossChunks.rows(N, V)) + frozenFinalNorm;
    }

    /// Norm and its statistics, logits.
    private long head(long rows) {
        return bytes.value(rows * C) + statistic(rows * blocks.getFirst().statisticsPerRow()) + bytes.value(rows * V);
    }
}
