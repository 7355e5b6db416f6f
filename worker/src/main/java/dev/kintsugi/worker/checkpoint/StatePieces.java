package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// One rank's state cut into pieces in the order of its files: all weights, unit by unit, then slot after slot of the optimizer, as
/// [ShardTensors] names them. A piece may hold parts of several units; none lies in both files.
///
/// @param model pieces of the file of weights
/// @param optimizer pieces of the file of the optimizer's slots
/// @param ofUnit for each unit the pieces that have any of it, ascending
record StatePieces(List<Piece> model, List<Piece> optimizer, List<int[]> ofUnit) {
    /// @param index position among the pieces of both files
    /// @param extents what it is made of, in order
    record Piece(int index, long bytes, List<Extent> extents) {
        /// Copies the piece out of the live buffers to the start of `into`.
        void copy(ShardBuffers state, MemorySegment into) {
            long at = 0;
            for (Extent e : extents) {
                MemorySegment.copy(e.of(state), e.offsetBytes(), into, at, e.bytes());
                at += e.bytes();
            }
        }
    }

    /// Part of one buffer.
    ///
    /// @param slot of the optimizer, or [#WEIGHTS]
    record Extent(int slot, int unit, long offsetBytes, long bytes) {
        static final int WEIGHTS = -1;

        MemorySegment of(ShardBuffers state) {
            return (slot == WEIGHTS ? state.parameters() : state.slots().get(slot)).get(unit);
        }
    }

    static StatePieces of(ShardPlan plan, int rank, OptimizerState state, long pieceBytes) {
        var model = new Cutter(pieceBytes, 0);
        for (UnitPlan u : plan.units()) { model.add(Extent.WEIGHTS, u.index(), u.shardNumel(rank) * Float.BYTES); }
        List<Piece> modelPieces = model.end();
        var optimizer = new Cutter(pieceBytes, modelPieces.size());
        for (int slot = 0; slot < state.slots().size(); slot++) {
            for (UnitPlan u : plan.units()) { optimizer.add(slot, u.index(), OptimizerState.savedBytes(state.slots().get(slot), u, rank)); }
        }
        List<Piece> optimizerPieces = optimizer.end();
        return new StatePieces(modelPieces, optimizerPieces, plan.units().stream().map(u -> ofUnit(u.index(), modelPieces, optimizerPieces)).toList());
    }

    /// Cuts one file.
    private static final class Cutter {
        private final long pieceBytes;
        private final int firstIndex;
        private final List<Piece> pieces = new ArrayList<>();
        private final List<Extent> extents = new ArrayList<>();
        private long filled;

        Cutter(long pieceBytes, int firstIndex) {
            this.pieceBytes = pieceBytes;
            this.firstIndex = firstIndex;
        }

        void add(int slot, int unit, long bytes) {
            for (long at = 0; at < bytes;) {
                long take = Math.min(bytes - at, pieceBytes - filled);
                extents.add(new Extent(slot, unit, at, take));
                at += take;
                filled += take;
                if (filled == pieceBytes) { cut(); }
            }
        }

        private void cut() {
            pieces.add(new Piece(firstIndex + pieces.size(), filled, List.copyOf(extents)));
            extents.clear();
            filled = 0;
        }

        List<Piece> end() {
            if (filled > 0) { cut(); }
            return List.copyOf(pieces);
        }
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
