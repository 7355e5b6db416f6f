package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.ParameterSpec;

/// A parameter's place in its unit's unsharded buffer.
///
/// @param shardWorldSize S, shards of one copy; ranks are those of all copies, and rank r holds shard `r mod S`
/// @param rowsPerRank `c = ceil(rows / S)`; shard s has rows `[s*c, min((s+1)*c, rows))`
/// @param unshardedOffset elements; a multiple of [ShardPlanner#ALIGNMENT_NUMEL]
public record ParameterPlan(ParameterSpec spec, int shardWorldSize, long rowsPerRank, long unshardedOffset) {
    public long firstRow(int rank) {
        return Math.min(rank % shardWorldSize * rowsPerRank, spec.rows());
    }

    public long rows(int rank) {
        return Math.min(firstRow(rank) + rowsPerRank, spec.rows()) - firstRow(rank);
    }
}
