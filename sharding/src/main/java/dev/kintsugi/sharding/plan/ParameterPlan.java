package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.ParameterSpec;

/// A parameter's place in its unit's unsharded buffer.
///
/// @param rowsPerRank `c = ceil(rows / worldSize)`; rank r holds rows `[r*c, min((r+1)*c, rows))`
/// @param unshardedOffset elements; a multiple of [ShardPlanner#ALIGNMENT_NUMEL]
public record ParameterPlan(ParameterSpec spec, long rowsPerRank, long unshardedOffset) {
    public long firstRow(int rank) {
        return Math.min(rank * rowsPerRank, spec.rows());
    }

    public long rows(int rank) {
        return Math.min((rank + 1) * rowsPerRank, spec.rows()) - firstRow(rank);
    }
}
