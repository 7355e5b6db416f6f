package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.LoadPiece;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Function;

/// Where rows of one unit go that come to a rank: converted into its shard, and hashed as they then lie there.
final class ShardRows {
    private static final long CHUNK_BYTES = 256 << 10;      // converted, and hashed while it is in the cache

    private final UnitPlan unit;
    private final int rank;
    private final List<RowShard> places;
    private final MemorySegment shard;
    private final WeightsDigest held;

    ShardRows(UnitPlan unit, int rank, MemorySegment shard, WeightsDigest held) {
        this.unit = unit;
        this.rank = rank;
        this.places = unit.rowShards(rank);
        this.shard = shard;
        this.held = held;
    }

    /// @param part this rank's part of the piece, as it is on storage
    void take(LoadPiece piece, MemorySegment part, Function<ParameterSpec, ElementType> types) {
        piece.forEach(rank % unit.shardWorldSize(), (parameter, firstRow, rows, offset) -> {
            ParameterPlan p = unit.parameters().get(parameter);
            RowShard place = places.get(parameter);
            long element = place.shardOffset() + (firstRow - place.firstRow()) * place.rowNumel();
            convert(p.spec(), types.apply(p.spec()), firstRow, rows, part.asSlice(offset), Float.BYTES * element);
        });
    }

    private void convert(ParameterSpec p, ElementType type, long firstRow, long rows, MemorySegment raw, long shardOffset) {
        long f32RowBytes = p.rowNumel() * Float.BYTES;
        long rawRowBytes = p.rowNumel() * type.bytes();
        long some = Math.clamp(CHUNK_BYTES / f32RowBytes, 1, rows);
        for (long row = 0; row < rows; row += some) {
            long count = Math.min(some, rows - row);
            MemorySegment to = shard.asSlice(shardOffset + row * f32RowBytes, count * f32RowBytes);
            type.toF32(raw.asSlice(row * rawRowBytes, count * rawRowBytes), to);
            held.addRows(p, firstRow + row, count, ElementType.F32, to, 0);
        }
    }
}
