package dev.kintsugi.worker.memory;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// What one rank holds of the model between steps. Borrowed from the rank's job arena.
///
/// @param optimizer what the slots are
/// @param parameters master weights: one segment a unit, `UnitPlan#shardNumel(rank)` f32 elements, laid out as `UnitPlan#rowShards(rank)` says
/// @param slots the optimizer's, one segment a unit each, laid out as [dev.kintsugi.sharding.optimizer.StateShard] says
public record ShardBuffers(ShardPlan plan, int rank, OptimizerState optimizer, List<MemorySegment> parameters, List<List<MemorySegment>> slots) {
    public ShardBuffers {
        parameters = List.copyOf(parameters);
        slots = slots.stream().map(List::copyOf).toList();
        if (slots.size() != optimizer.slots().size()) {
            throw new IllegalArgumentException("%d buffers for the %d slots of %s".formatted(slots.size(), optimizer.slots().size(), optimizer.optimizer()));
        }
    }

    /// The master weights alone.
    public ShardWeights weights() {
        return new ShardWeights(plan, rank, DType.F32, parameters);
    }
}
