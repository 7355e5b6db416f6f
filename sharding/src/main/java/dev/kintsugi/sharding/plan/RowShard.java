package dev.kintsugi.sharding.plan;

/// The rows of one parameter that one rank holds.
///
/// @param firstRow row of the whole parameter; equals the parameter's row count when `rows` is 0
/// @param rows may be 0 on the last ranks
/// @param shardOffset elements from the start of the rank's shard of the unit
/// @param unshardedOffset elements from the start of the unit's unsharded buffer to `firstRow`
/// @param rowNumel elements of one row
public record RowShard(long firstRow, long rows, long shardOffset, long unshardedOffset, long rowNumel) {
    public RowShard {
        if (firstRow < 0 || rows < 0 || shardOffset < 0 || unshardedOffset < 0 || rowNumel < 1) {
            throw new IllegalArgumentException("row shard: firstRow=%d rows=%d shardOffset=%d unshardedOffset=%d rowNumel=%d"
                    .formatted(firstRow, rows, shardOffset, unshardedOffset, rowNumel));
        }
    }

    public long numel() {
        return rows * rowNumel;
    }
}
