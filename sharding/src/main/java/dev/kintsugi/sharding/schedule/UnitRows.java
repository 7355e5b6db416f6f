package dev.kintsugi.sharding.schedule;

import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.List;

/// Where each element of every rank's shard of one unit lies in the unsharded buffer, as tables that a step can walk without
/// allocating. Counts and offsets are elements.
///
/// Where K replicas hold a shard, K ranks want the same sums. Each makes a Kth of them, elements `[summedFrom, summedTo)` of the shard, and
/// takes the rest from the others: so a reduce-scatter moves and adds no more than one of a single copy.
public final class UnitRows {
    private static final long LINE_NUMEL = 16;

    private final long[][] shardOffset; // [rank][row shard that is not empty]
    private final long[][] unshardedOffset;
    private final long[] shardNumel;
    private final long[] summedFrom;
    private final long[] summedTo;

    private UnitRows(int worldSize) {
        shardOffset = new long[worldSize][];
        unshardedOffset = new long[worldSize][];
        shardNumel = new long[worldSize];
        summedFrom = new long[worldSize];
        summedTo = new long[worldSize];
    }

    /// @param worldSize a multiple of the unit's number of shards
    public static UnitRows of(UnitPlan unit, int worldSize) {
        var rows = new UnitRows(worldSize);
        for (int rank = 0; rank < worldSize; rank++) {
            List<RowShard> shards = unit.rowShards(rank).stream().filter(s -> s.numel() > 0).toList();
            rows.shardOffset[rank] = shards.stream().mapToLong(RowShard::shardOffset).toArray();
            rows.unshardedOffset[rank] = shards.stream().mapToLong(RowShard::unshardedOffset).toArray();
            rows.shardNumel[rank] = unit.shardNumel(rank);
            rows.cutSums(rank, unit.shardWorldSize(), worldSize);
        }
        return rows;
    }

    /// Parts start at whole cache lines of the shard.
    private void cutSums(int rank, int shardWorldSize, int worldSize) {
        long part = Math.ceilDiv(Math.ceilDiv(shardNumel[rank], worldSize / shardWorldSize), LINE_NUMEL) * LINE_NUMEL;
        summedFrom[rank] = Math.min(rank / shardWorldSize * part, shardNumel[rank]);
        summedTo[rank] = Math.min(summedFrom[rank] + part, shardNumel[rank]);
    }

    /// First element of its shard that `rank` sums.
    public long summedFrom(int rank) {
        return summedFrom[rank];
    }

    /// One after the last element of its shard that `rank` sums: the end of the shard if nobody else holds it.
    public long summedTo(int rank) {
        return summedTo[rank];
    }

    public long shardNumel(int rank) {
        return shardNumel[rank];
    }

    /// Visits the contiguous pieces of elements `[from, to)` of `rank`'s shard, in the shard's order.
    public void forEach(int rank, long from, long to, Visitor visitor) {
        long[] starts = shardOffset[rank];
        for (int i = 0; i < starts.length && starts[i] < to; i++) {
            long end = i + 1 < starts.length ? starts[i + 1] : shardNumel[rank];
            long first = Math.max(from, starts[i]);
            long last = Math.min(to, end);
            if (first < last) { visitor.visit(first, unshardedOffset[rank][i] + first - starts[i], last - first); }
        }
    }

    /// See [#forEach].
    @FunctionalInterface
    public interface Visitor {
        void visit(long shardOffset, long unshardedOffset, long numel);
    }
}
