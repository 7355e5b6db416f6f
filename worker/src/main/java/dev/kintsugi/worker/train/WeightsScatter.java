package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.schedule.LoadPiece;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.ShardConverter;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroup.Parts;
import dev.kintsugi.worker.collective.CollectiveGroup.ScatterBuffer;
import dev.kintsugi.worker.memory.ShardWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Weights that rank 0 reads and all get. They travel as they are on storage, half as many bytes for bf16, and each rank converts what it keeps.
final class WeightsScatter {
    private static final int BUFFERS = 2;

    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final WeightSource source;      // null but on rank 0
    private final long pieceBytes;
    private final boolean broadcast;
    private final Map<String, ElementType> types = new HashMap<>();
    private ShardConverter converter;

    /// @param broadcast every rank gets everything, instead of what it keeps
    WeightsScatter(ShardPlan plan, CollectiveGroup group, WeightSource source, long pieceBytes, boolean broadcast) {
        this.plan = plan;
        this.group = group;
        this.source = source;
        this.pieceBytes = pieceBytes;
        this.broadcast = broadcast;
    }

    /// @param held gets the rows that this rank has now
    /// @param arrived gets the same rows as they came
    /// @return of all rows as they were read; null but on rank 0
    WeightsDigest load(ShardWeights into, WeightsDigest held, WeightsDigest arrived) {
        converter = new ShardConverter(into.dtype());
        agreeOnTypes();
        List<LoadPiece> pieces = plan.units().stream().flatMap(u -> LoadPiece.cut(u, pieceBytes,
                p -> types.get(p.spec().name()).bytes()).stream()).toList();
        var buffers = new ArrayList<ScatterBuffer>();
        try {
            long bytes = pieces.stream().mapToLong(p -> p.partOffsets()[plan.shardWorldSize()]).max().orElse(0);
            long partBytes = broadcast ? bytes : pieces.stream().mapToLong(WeightsScatter::largestPart).max().orElse(0);
            for (int i = 0; i < BUFFERS; i++) { buffers.add(group.scatterBuffer("weights-" + i, bytes, partBytes)); }
            return group.rank() == 0 ? readAndScatter(pieces, buffers, into, held, arrived) : receive(pieces, buffers, into, held, arrived);
        } finally {
            buffers.forEach(ScatterBuffer::close);
        }
    }

    private static long largestPart(LoadPiece piece) {
        long[] offsets = piece.partOffsets();
        return IntStream.range(0, offsets.length - 1).mapToLong(s -> offsets[s + 1] - offsets[s]).max().orElse(0);
    }

    /// What rank 0 has found in the files.
    private void agreeOnTypes() {
        List<ParameterSpec> parameters = plan.model().parameters();
        var mine = new byte[source == null ? 0 : parameters.size()];
        for (int i = 0; i < mine.length; i++) { mine[i] = (byte) source.type(parameters.get(i)).ordinal(); }
        byte[] all = group.exchange("weight types", mine).getFirst();
        for (int i = 0; i < all.length; i++) { types.put(parameters.get(i).name(), ElementType.values()[all[i]]); }
    }

    private WeightsDigest readAndScatter(List<LoadPiece> pieces, List<ScatterBuffer> buffers, ShardWeights into, WeightsDigest held, WeightsDigest arrived) {
        var expected = new WeightsDigest();
        try (var reader = new PieceReader(source, pieces, buffers.stream().map(ScatterBuffer::segment).toList(), expected)) {
            for (int i = 0; i < pieces.size(); i++) {
                reader.awaitPiece();
                take(pieces.get(i), buffers.get(i % BUFFERS), into, held, arrived, i == 0 ? () -> {} : reader::release);
            }
        }
        return expected;
    }

    private WeightsDigest receive(List<LoadPiece> pieces, List<ScatterBuffer> buffers, ShardWeights into, WeightsDigest held, WeightsDigest arrived) {
        for (int i = 0; i < pieces.size(); i++) { take(pieces.get(i), buffers.get(i % BUFFERS), into, held, arrived, () -> {}); }
        return null;
    }

    /// @param scattered run once no rank needs the buffer before this one any more
    private void take(LoadPiece piece, ScatterBuffer buffer, ShardWeights into, WeightsDigest held, WeightsDigest arrived,
            Runnable scattered) {
        UnitPlan unit = piece.unit();
        long[] offsets = piece.partOffsets();
        MemorySegment got = group.scatter(unit, buffer, parts(offsets));
        scattered.run();
        int shard = plan.sharding().shard(group.rank());
        MemorySegment part = broadcast ? got.asSlice(offsets[shard], offsets[shard + 1] - offsets[shard]) : got;
        var rows = new ShardRows(unit, group.rank(), into.segments().get(unit.index()), converter, held);
        piece.forEach(shard, (parameter, firstRow, count, offset) -> {
            ParameterSpec p = unit.parameters().get(parameter).spec();
            ElementType type = types.get(p.name());
            long rowBytes = p.rowNumel() * type.bytes();
            long some = ShardRows.rowsAtOnce(p.rowNumel(), count);
            for (long row = 0; row < count; row += some) {
                long n = Math.min(some, count - row);
                MemorySegment raw = part.asSlice(offset + row * rowBytes, n * rowBytes);
                arrived.addRows(p, firstRow + row, n, raw);
                rows.put(parameter, firstRow + row, n, type, raw);
            }
        });
    }

    private Parts parts(long[] offsets) {
        return new Parts() {
            @Override
            public long offset(int rank) {
                return broadcast ? 0 : offsets[plan.sharding().shard(rank)];
            }

            @Override
            public long bytes(int rank) {
                int shard = plan.sharding().shard(rank);
                return broadcast ? offsets[plan.shardWorldSize()] : offsets[shard + 1] - offsets[shard];
            }
        };
    }
}
