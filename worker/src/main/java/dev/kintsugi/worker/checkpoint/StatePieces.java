package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// One rank's state cut into pieces in the order of its files: all weights, unit by unit, then all first and all second moments, as
/// [ShardTensors] names them. A piece may hold parts of several units; none lies in both files.
///
/// @param model pieces of the file of weights
/// @param optimizer pieces of the file of moments
/// @param ofUnit for each unit the pieces that have any of it, ascending
record StatePieces(List<Piece> model, List<Piece> optimizer, List<int[]> ofUnit) {
    /// @param index position among the pieces of both files
    /// @param extents what it is made of, in order
    record Piece(int index, long bytes, List<Extent> extents) {
        /// Copies the piece out of the live buffers to the start of `into`.
        void copy(ShardBuffers state, MemorySegment into) {
            long at = 0;
            for (Extent e : extents) {
                MemorySegment.copy(e.kind().of(state).get(e.unit()), e.offsetBytes(), into, at, e.bytes());
                at += e.bytes();
            }
        }
    }

    /// Part of one buffer.
    record Extent(Kind kind, int unit, long offsetBytes, long bytes) {}

    enum Kind {
        WEIGHTS, EXP_AVG, EXP_AVG_SQ;

        List<MemorySegment> of(ShardBuffers state) {
            return switch (this) {
                case WEIGHTS -> state.parameters();
                case EXP_AVG -> state.expAvg();
                case EXP_AVG_SQ -> state.expAvgSq();
            };
        }
    }

    static StatePieces of(ShardPlan plan, int rank, long pieceBytes) {
        List<Piece> model = cut(plan, rank, pieceBytes, 0, Kind.WEIGHTS);
        List<Piece> optimizer = cut(plan, rank, pieceBytes, model.size(), Kind.EXP_AVG, Kind.EXP_AVG_SQ);
        return new StatePieces(model, optimizer, plan.units().stream().map(u -> ofUnit(u.index(), model, optimizer)).toList());
    }

    private static List<Piece> cut(ShardPlan plan, int rank, long pieceBytes, int firstIndex, Kind... kinds) {
        var pieces = new ArrayList<Piece>();
        var extents = new ArrayList<Extent>();
        long filled = 0;
        for (Kind kind : kinds) {
            for (int unit = 0; unit < plan.units().size(); unit++) {
                long bytes = plan.units().get(unit).shardNumel(rank) * Float.BYTES;
                for (long at = 0; at < bytes;) {
                    long take = Math.min(bytes - at, pieceBytes - filled);
                    extents.add(new Extent(kind, unit, at, take));
                    at += take;
                    filled += take;
                    if (filled == pieceBytes) {
                        pieces.add(new Piece(firstIndex + pieces.size(), filled, List.copyOf(extents)));
                        extents.clear();
                        filled = 0;
                    }
                }
            }
        }
        if (filled > 0) { pieces.add(new Piece(firstIndex + pieces.size(), filled, List.copyOf(extents))); }
        return List.copyOf(pieces);
    }

    private static int[] ofUnit(int unit, List<Piece> model, List<Piece> optimizer) {
        var indices = new ArrayList<Integer>();
        for (List<Piece> file : List.of(model, optimizer)) {
            for (Piece p : file) {
                if (p.extents().stream().anyMatch(e -> e.unit() == unit)) { indices.add(p.index()); }
            }
        }
        return indices.stream().mapToInt(Integer::intValue).toArray();
    }

    int count() {
        return model.size() + optimizer.size();
    }

    Piece get(int index) {
        return index < model.size() ? model.get(index) : optimizer.get(index - model.size());
    }

    long bytes() {
        return bytes(model) + bytes(optimizer);
    }

    static long bytes(List<Piece> file) {
        return file.stream().mapToLong(Piece::bytes).sum();
    }
}
