package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.UnitRows;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.Map;

/// The row tables of the units seen so far, and the copies between a shard and the unsharded layout that every transport needs.
final class UnitRowsCache {
    private final int worldSize;
    private final Map<UnitPlan, UnitRows> rows = new IdentityHashMap<>(); // a UnitPlan's own hash would walk all its parameters

    UnitRowsCache(int worldSize) {
        this.worldSize = worldSize;
    }

    UnitRows of(UnitPlan unit) {
        return rows.computeIfAbsent(unit, u -> UnitRows.of(u, worldSize));
    }

    /// Copies `rank`'s shard to its rows of the unsharded buffer, in that buffer's dtype.
    void place(UnitPlan unit, int rank, MemorySegment shard, GatherBuffer into) {
        place(unit, rank, shard, into, 0, of(unit).shardNumel(rank));
    }

    /// Elements `[from, to)` of the shard.
    void place(UnitPlan unit, int rank, MemorySegment shard, GatherBuffer into, long from, long to) {
        MemorySegment unsharded = into.segment();
        if (into.dtype() == into.shardDtype()) {
            int size = into.dtype().bytes();
            of(unit).forEach(rank, from, to, (shardOffset, unshardedOffset, numel) -> MemorySegment.copy(shard,
                    size * shardOffset, unsharded, size * unshardedOffset, size * numel));
        } else {
            of(unit).forEach(rank, from, to,
                    (shardOffset, unshardedOffset, numel) -> Bf16.narrow(shard, shardOffset, unsharded, unshardedOffset, numel));
        }
    }

    /// Refuses a shard or a gather buffer that is too small for the unit before anything is copied.
    static void check(UnitPlan unit, UnitRows table, int rank, MemorySegment shard, GatherBuffer into) {
        check(unit, rank, shard, into.shardDtype().bytes() * table.shardNumel(rank), into.segment(), into.dtype().bytes() * unit.unshardedNumel());
    }

    /// The same of an accumulator and a gradient, both f32.
    static void check(UnitPlan unit, UnitRows table, int rank, MemorySegment accumulator, MemorySegment gradient) {
        check(unit, rank, accumulator, Float.BYTES * table.shardNumel(rank), gradient, Float.BYTES * unit.unshardedNumel());
    }

    private static void check(UnitPlan unit, int rank, MemorySegment shard, long shardBytes, MemorySegment unsharded, long unshardedBytes) {
        if (shard.byteSize() < shardBytes || unsharded.byteSize() < unshardedBytes) {
            throw new IllegalArgumentException("unit %s on rank %d: shard=%d bytes (needs %d), unsharded=%d bytes (needs %d)".formatted(unit.name(), rank,
                    shard.byteSize(), shardBytes, unsharded.byteSize(), unshardedBytes));
        }
    }
}
