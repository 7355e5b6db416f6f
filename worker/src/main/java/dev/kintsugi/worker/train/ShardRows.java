package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.ShardConverter;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Where rows of one unit go that come to a rank: converted into its shard, and hashed as they then lie there.
final class ShardRows {
    /// Converted at once, and hashed while it is in the cache.
    static final long CHUNK_BYTES = 256 << 10;

    private final UnitPlan unit;
    private final List<RowShard> places;
    private final MemorySegment shard;
    private final ShardConverter converter;
    private final WeightsDigest held;

    ShardRows(UnitPlan unit, int rank, MemorySegment shard, ShardConverter converter, WeightsDigest held) {
        this.unit = unit;
        this.places = unit.rowShards(rank);
        this.shard = shard;
        this.converter = converter;
        this.held = held;
    }

    /// How many of some rows are in the cache together.
    static long rowsAtOnce(long rowNumel, long rows) {
        return Math.clamp(CHUNK_BYTES / (rowNumel * Float.BYTES), 1, rows);
    }

    /// Where rows belong that this rank holds.
    ///
    /// @param parameter index in the unit
    MemorySegment place(int parameter, long firstRow, long rows) {
        RowShard place = places.get(parameter);
        long element = place.shardOffset() + (firstRow - place.firstRow()) * place.rowNumel();
        return shard.asSlice(converter.bytes() * element, converter.bytes() * rows * place.rowNumel());
    }

    /// Puts rows into their place.
    ///
    /// @param raw elements of `type`
    void put(int parameter, long firstRow, long rows, ElementType type, MemorySegment raw) {
        long numel = places.get(parameter).rowNumel();
        long some = rowsAtOnce(numel, rows);
        for (long row = 0; row < rows; row += some) {
            long count = Math.min(some, rows - row);
            converter.convert(type, raw.asSlice(row * numel * type.bytes(), count * numel * type.bytes()), place(parameter, firstRow + row, count));
            placed(parameter, firstRow + row, count);
        }
    }

    /// Rows are in their place.
    void placed(int parameter, long firstRow, long rows) {
        held.addRows(spec(parameter), firstRow, rows, place(parameter, firstRow, rows));
    }

    private ParameterSpec spec(int parameter) {
        return unit.parameters().get(parameter).spec();
    }
}
