package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.ShardConverter;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.memory.ShardWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Weights that a rank reads, or makes, for itself: just the rows that it holds, a few at a time. The system reads ahead of it.
final class OwnWeights {
    private final ShardPlan plan;
    private final int rank;
    private final WeightSource source;

    OwnWeights(ShardPlan plan, int rank, WeightSource source) {
        this.plan = plan;
        this.rank = rank;
        this.source = source;
    }

    /// @param held gets the rows that this rank has now
    void load(ShardWeights into, WeightsDigest held) {
        try (Arena scratchArena = Arena.ofConfined()) {
            MemorySegment scratch = scratchArena.allocate(scratchBytes(), Long.BYTES);
            var converter = new ShardConverter(into.dtype());
            for (UnitPlan unit : plan.units()) {
                var rows = new ShardRows(unit, rank, into.segments().get(unit.index()), converter, held);
                for (int i = 0; i < unit.parameters().size(); i++) { load(unit.parameters().get(i), i, rows, scratch, converter); }
            }
        }
    }

    /// A chunk, or the longest row.
    private long scratchBytes() {
        return Math.max(ShardRows.CHUNK_BYTES, plan.model().parameters().stream().mapToLong(p -> p.rowNumel() * source.type(p).bytes()).max().orElse(0));
    }

    /// What is of the shard's type already goes straight to its place.
    private void load(ParameterPlan plan, int parameter, ShardRows into, MemorySegment scratch, ShardConverter converter) {
        ParameterSpec p = plan.spec();
        ElementType type = source.type(p);
        long end = plan.firstRow(rank) + plan.rows(rank);
        long some = Math.max(1, ShardRows.CHUNK_BYTES / (p.rowNumel() * type.bytes()));
        for (long row = plan.firstRow(rank); row < end; row += some) {
            long count = Math.min(some, end - row);
            if (converter.isSame(type)) {
                source.readRaw(p, row, count, into.place(parameter, row, count), 0);
                into.placed(parameter, row, count);
            } else {
                source.readRaw(p, row, count, scratch, 0);
                into.put(parameter, row, count, type, scratch);
            }
        }
    }
}
