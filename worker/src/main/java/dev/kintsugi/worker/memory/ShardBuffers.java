package dev.kintsugi.worker.memory;

import dev.kintsugi.sharding.plan.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// What one rank holds of the model between steps: one segment a unit and kind, each `UnitPlan#shardNumel(rank)` f32 elements,
/// laid out as `UnitPlan#rowShards(rank)` says. Borrowed from the rank's job arena.
///
/// @param parameters master weights
/// @param expAvg AdamW's first moment
/// @param expAvgSq AdamW's second moment
public record ShardBuffers(ShardPlan plan, int rank, List<MemorySegment> parameters, List<MemorySegment> expAvg,
        List<MemorySegment> expAvgSq) {
    public ShardBuffers {
        parameters = List.copyOf(parameters);
        expAvg = List.copyOf(expAvg);
        expAvgSq = List.copyOf(expAvgSq);
    }
}
