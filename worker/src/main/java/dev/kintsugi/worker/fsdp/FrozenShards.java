package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.worker.memory.AnonymousMemory;
import dev.kintsugi.worker.memory.ShardWeights;
import java.lang.foreign.Arena;
import java.util.Optional;

/// Owns what one rank keeps of weights that are not trained, for the life of a job. They start at zero.
public final class FrozenShards implements AutoCloseable {
    private final Arena jobArena = Arena.ofShared();
    private final Optional<ShardWeights> weights;
    private final long allocatedBytes;

    /// @param dtype of computation, in which they are kept
    public FrozenShards(ModelPlan model, int rank, DType dtype) {
        weights = model.frozen().map(part -> new ShardWeights(part.plan(), rank, part.shardDtype(dtype),
                AnonymousMemory.perUnit(jobArena, part.plan(), u -> u.shardNumel(rank) * part.shardDtype(dtype).bytes())));
        allocatedBytes = model.frozen().map(part -> part.shardBytes(rank, dtype)).orElse(0L);
    }

    /// Empty where all of the model is trained.
    public Optional<ShardWeights> weights() {
        return weights;
    }

    public long allocatedBytes() {
        return allocatedBytes;
    }

    @Override
    public void close() {
        jobArena.close();
    }
}
