package dev.kintsugi.worker.memory;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// The weights that one rank holds of one part of a model: a segment a unit, each `UnitPlan#shardNumel(rank)` elements, laid out as
/// `UnitPlan#rowShards(rank)` says. Borrowed from the rank's job arena.
///
/// @param dtype of the elements, F32 or BF16
public record ShardWeights(ShardPlan plan, int rank, DType dtype, List<MemorySegment> segments) {
    public ShardWeights {
        segments = List.copyOf(segments);
    }
}
