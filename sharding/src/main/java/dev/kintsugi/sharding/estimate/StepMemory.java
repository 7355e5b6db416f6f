package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import java.util.ArrayList;
import java.util.List;

/// One rank's memory of a step: the arena's stack of activations, and the accumulators of its shards' gradients.
///
/// In the backward pass activations go as gradients come, so where a step is one micro-batch, accumulators take the place of activations: a unit's
/// lies above all that the stack will still hold once its reduce-scatter has begun, and above those of the units before it, whose turn comes later.
/// The embedding's, the last, is thus at the bottom. With several micro-batches accumulators outlive the forward pass, and lie above the stack.
///
/// @param activationBytes the stack's high-water mark
/// @param gradientOffsets where each unit's accumulator begins
/// @param bytes of both together
public record StepMemory(long activationBytes, List<Long> gradientOffsets, long bytes) {
    public StepMemory {
        gradientOffsets = List.copyOf(gradientOffsets);
    }

    /// @param rank whose shards the accumulators are for
    /// @param B samples of a micro-batch
    /// @param T tokens of a sample
    /// @param dtype of values
    /// @param threads that compute
    /// @param rounds micro-batches of a rank in a step
    public static StepMemory of(ModelPlan plan, int rank, long B, long T, DType dtype, ActivationCheckpointing checkpointing, int threads, int rounds) {
        ModelConfig c = plan.config();
        long scratch = ScratchSizes.attentionNumel(threads, B, T, T, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        return ofScratch(plan, rank, B, T, dtype, checkpointing, scratch, rounds);
    }

    /// The arena's height in an evaluation between two steps, when no accumulator holds anything.
    ///
    /// @param evaluated samples of a micro-batch that is evaluated
    /// @param B samples of one that is trained on
    public static long evaluationBytes(ModelPlan plan, long evaluated, long B, long T, DType dtype, int threads) {
        ModelConfig c = plan.config();
        long scratch = ScratchSizes.attentionNumel(threads, evaluated, T, T, c.numAttentionHeads(), c.numKeyValueHeads(), c.headDim());
        return ActivationEstimate.of(plan, evaluated, T, dtype, scratch).evaluation(ActivationEstimate.of(plan, B, T, dtype, scratch));
    }

    /// For kernels that want another amount of scratch, such as none.
    ///
    /// @param attentionScratch elements
    public static StepMemory ofScratch(ModelPlan plan, int rank, long B, long T, DType dtype, ActivationCheckpointing checkpointing,
            long attentionScratch, int rounds) {
        var activations = ActivationEstimate.of(plan, B, T, dtype, attentionScratch);
        long activationBytes = activations.total(checkpointing);
        var offsets = new ArrayList<Long>();
        long end = 0;
        for (UnitPlan unit : plan.trainedPlan().units()) {
            long stack = rounds == 1 ? activations.highestAfter(plan.trained().layer(unit), checkpointing) : activationBytes;
            long offset = Math.max(end, stack);
            offsets.add(offset);
            end = offset + TensorBytes.roundUp(unit.shardNumel(rank) * DType.F32.bytes());
        }
        return new StepMemory(activationBytes, offsets, Math.max(activationBytes, end));
    }
}
