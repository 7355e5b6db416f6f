package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.sharding.program.BufferPlan;
import java.util.ArrayList;
import java.util.List;

/// Bytes of tensors that one rank of a training job holds: the number its allocators must show, to the byte.
///
/// ```
/// P elements of the rank's shards    B samples a micro-batch    T tokens a sample    R rotated elements of a head
/// master weights 4P   optimizer OptimizerState: AdamW's moments are 8P   under adapters both are of what is trained; a frozen base is of the compute dtype
/// checkpoint snapshot SnapshotPool: what a save copies of both while training goes on; taken for the time of a save, and only
/// where shards are written, on the first replica
/// unsharded slots, BufferPlan: one of the size of embedding and head and two of a block (or all blocks, if they stay until backward), in the
/// compute dtype, but none for units that are used in place; of f32 gradients one of the larger size and one of a block (two if the embedding is tied)
/// rotary tables 4 T R   activations: ActivationEstimate
/// what evaluations and packed samples need besides: DataMemory
/// gradients 4P, of which activations leave room for some where a step is one micro-batch: StepMemory
/// ```
public final class MemoryEstimator {
    static final String ACTIVATIONS = "activations";
    static final String GRADIENTS = "gradients";

    private MemoryEstimator() {}

    /// @param purpose for people
    public record Item(String purpose, long bytes) {}

    public record Estimate(int rank, List<Item> items) {
        public Estimate {
            items = List.copyOf(items);
        }

        public long totalBytes() {
            return items.stream().mapToLong(Item::bytes).sum();
        }
    }

    /// @param optimizer what it keeps
    /// @param B samples of a micro-batch
    /// @param T tokens of a sample
    /// @param dtype of gathered weights and of values
    /// @param saves whether checkpoints are written
    /// @param threads that compute
    /// @param rounds micro-batches of a rank in a step
    public static Estimate estimate(ModelPlan model, int rank, OptimizerState optimizer, long B, long T, DType dtype,
            ActivationCheckpointing checkpointing, boolean saves, int threads, int rounds) {
        ModelConfig config = model.config();
        ShardPlan plan = model.trainedPlan();
        StepMemory step = StepMemory.of(model, rank, B, T, dtype, checkpointing, threads, rounds);
        long snapshotBytes = saves && plan.sharding().isFirstReplica(rank) ? SnapshotPool.of(plan, rank, optimizer).bytes() : 0;
        var items = new ArrayList<Item>();
        items.add(new Item("master weights", model.trained().shardBytes(rank, dtype)));
        items.add(new Item("optimizer state", optimizer.bytes(plan, rank)));
        model.frozen().ifPresent(base -> items.add(new Item("frozen base", base.shardBytes(rank, dtype))));
        items.add(new Item(GRADIENTS, step.bytes() - step.activationBytes()));
        items.add(new Item("unsharded units", model.parts().stream().mapToLong(p -> BufferPlan.of(model, p, dtype).totalGatherNumel()).sum()
                * dtype.bytes()));
        items.add(new Item("unsharded gradients", BufferPlan.of(model, model.trained(), dtype).totalGradientNumel() * DType.F32.bytes()));
        items.add(new Item("checkpoint snapshot", snapshotBytes));
        items.add(new Item("rotary tables", T * config.rotaryDim() * DType.F32.bytes()));
        items.add(new Item(ACTIVATIONS, step.activationBytes()));
        return new Estimate(rank, items);
    }
}
