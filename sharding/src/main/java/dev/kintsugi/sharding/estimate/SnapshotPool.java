package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;

/// The memory that saving one rank's state takes at most: slots for those pieces of it that have been copied and are not on storage yet.
///
/// The state is two files, weights and the optimizer's, and each is cut into pieces. At first the pool holds 256 MiB or a quarter of the state, whichever is
/// more, and one piece besides: the one that the taking thread may be copying while the training thread copies it, too.
///
/// @param pieces of both files together
/// @param pieceBytes of a slot, and of each piece but the last of a file
/// @param slots at most `pieces + 1`
public record SnapshotPool(long pieces, long pieceBytes, long slots) {
    private static final long PIECE_BYTES_MAX = 4 << 20;
    private static final long FIRST_BYTES_MIN = 256 << 20;

    public SnapshotPool {
        if (pieces < 0 || pieceBytes < 0 || pieces > 0 && (pieceBytes < 1 || slots < 2) || slots > pieces + 1) {
            throw new IllegalArgumentException("snapshot pool: pieces=%d pieceBytes=%d slots=%d".formatted(pieces, pieceBytes, slots));
        }
    }

    /// What a rank begins with.
    public static SnapshotPool of(ShardPlan plan, int rank, OptimizerState optimizer) {
        return of(Float.BYTES * plan.shardNumel(rank), optimizer.savedBytes(plan, rank));
    }

    private static SnapshotPool of(long modelBytes, long optimizerBytes) {
        long larger = Math.max(modelBytes, optimizerBytes);
        if (larger == 0) { return new SnapshotPool(0, 0, 0); }
        long pieceBytes = Math.min(PIECE_BYTES_MAX, larger);
        long pieces = Math.ceilDiv(modelBytes, pieceBytes) + Math.ceilDiv(optimizerBytes, pieceBytes);
        return new SnapshotPool(pieces, pieceBytes, 1 + Math.min(pieces, Math.max(FIRST_BYTES_MIN / pieceBytes, Math.ceilDiv(pieces, 4))));
    }

    /// Twice as much, and no more than the whole state.
    public SnapshotPool doubled() {
        return new SnapshotPool(pieces, pieceBytes, Math.min(pieces, 2 * (slots - 1)) + 1);
    }

    public long bytes() {
        return slots * pieceBytes;
    }
}
