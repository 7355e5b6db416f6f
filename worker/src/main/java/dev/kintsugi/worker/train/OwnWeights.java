package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.schedule.LoadPiece;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Weights that a rank reads, or makes, for itself: just the rows that it holds.
final class OwnWeights {
    private static final int BUFFERS = 2;

    private final ShardPlan plan;
    private final int rank;
    private final WeightSource source;
    private final long pieceBytes;

    OwnWeights(ShardPlan plan, int rank, WeightSource source, long pieceBytes) {
        this.plan = plan;
        this.rank = rank;
        this.source = source;
        this.pieceBytes = pieceBytes;
    }

    /// @param held gets the rows that this rank has now
    void load(ShardBuffers into, WeightsDigest held) {
        int shard = plan.sharding().shard(rank);
        List<LoadPiece> pieces = plan.units().stream().flatMap(u -> LoadPiece.cut(u, shard, shard + 1, pieceBytes,
                p -> source.type(p.spec()).bytes()).stream()).toList();
        long bytes = pieces.stream().mapToLong(p -> p.partBytes(shard)).max().orElse(0);
        try (Arena loadArena = Arena.ofShared()) {
            List<MemorySegment> buffers = List.of(loadArena.allocate(Math.max(1, bytes), Long.BYTES), loadArena.allocate(Math.max(1, bytes), Long.BYTES));
            read(pieces, buffers, into, held, shard);
        }
    }

    private void read(List<LoadPiece> pieces, List<MemorySegment> buffers, ShardBuffers into, WeightsDigest held, int shard) {
        try (var reader = new PieceReader(source, pieces, buffers, shard, shard + 1, null)) {
            for (int i = 0; i < pieces.size(); i++) {
                LoadPiece piece = pieces.get(i);
                reader.awaitPiece();
                MemorySegment part = buffers.get(i % BUFFERS).asSlice(0, piece.partBytes(shard));
                new ShardRows(piece.unit(), rank, into.parameters().get(piece.unit().index()), held).take(piece, part, source::type);
                reader.release();
            }
        }
    }
}
