package dev.kintsugi.sharding.reshard;

/// Consecutive rows of one parameter that lie in one saved shard and belong to one new shard. Counts are rows.
///
/// @param savedRank whose files hold them
/// @param savedRow first row inside the saved shard's tensor
/// @param row first row inside the new rank's row shard
/// @param rows at least 1
public record RowPiece(String parameter, int savedRank, long savedRow, long row, long rows) {
    public RowPiece {
        if (savedRank < 0 || savedRow < 0 || row < 0 || rows < 1) {
            throw new IllegalArgumentException("piece of %s: savedRank=%d savedRow=%d row=%d rows=%d"
                    .formatted(parameter, savedRank, savedRow, row, rows));
        }
    }
}
