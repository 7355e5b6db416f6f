package dev.kintsugi.sharding.schedule;

import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/// So much of one unit's weights as goes through a bounded buffer at once: for each of some shards a *part*, its rows one after another as they are
/// on storage, and the parts in the order of the shards.
///
/// A piece has a few rows of every shard rather than many of one, so that all ranks have something to take of each.
///
/// @param slices by parameter; the order inside a part
public record LoadPiece(UnitPlan unit, List<Slice> slices) {
    /// Rows of one parameter.
    ///
    /// @param parameter index in the unit
    /// @param firstShard the first of `shards` shards that have a part of it
    /// @param firstRow counted from each shard's own first row
    /// @param rows of each shard, as far as it has so many
    /// @param elementBytes of an element on storage
    public record Slice(int parameter, int firstShard, int shards, long firstRow, long rows, int elementBytes) {
        long rowsOf(ParameterPlan p, int shard) {
            if (shard < firstShard || shard >= firstShard + shards) { return 0; }
            return Math.clamp(p.rows(shard) - firstRow, 0, rows);
        }
    }

    /// See [#forEach].
    @FunctionalInterface
    public interface Visitor {
        /// @param parameter index in the unit
        /// @param firstRow of the whole parameter
        /// @param rows at least 1
        /// @param offsetBytes in the part
        void visit(int parameter, long firstRow, long rows, long offsetBytes);
    }

    public LoadPiece {
        slices = List.copyOf(slices);
    }

    /// The pieces of a unit that bring every shard what it holds.
    ///
    /// @param bytesMost of a piece, unless one row is longer
    /// @param elementBytes of a parameter's elements on storage
    public static List<LoadPiece> cut(UnitPlan unit, long bytesMost, ToIntFunction<ParameterPlan> elementBytes) {
        var cut = new Cut(unit, bytesMost);
        for (int i = 0; i < unit.parameters().size(); i++) {
            cut.add(i, elementBytes.applyAsInt(unit.parameters().get(i)));
        }
        return cut.finish();
    }

    /// Visits what a shard has of this piece, in the order of its part.
    public void forEach(int shard, Visitor visitor) {
        long offset = 0;
        for (Slice s : slices) {
            ParameterPlan p = unit.parameters().get(s.parameter);
            long rows = s.rowsOf(p, shard);
            if (rows == 0) { continue; }
            visitor.visit(s.parameter, p.firstRow(shard) + s.firstRow, rows, offset);
            offset += rows * rowBytes(s);
        }
    }

    public long partBytes(int shard) {
        long bytes = 0;
        for (Slice s : slices) { bytes += s.rowsOf(unit.parameters().get(s.parameter), shard) * rowBytes(s); }
        return bytes;
    }

    /// By shard, where its part begins; one more, where the last one ends.
    public long[] partOffsets() {
        var offsets = new long[unit.shardWorldSize() + 1];
        for (int shard = 0; shard < unit.shardWorldSize(); shard++) { offsets[shard + 1] = offsets[shard] + partBytes(shard); }
        return offsets;
    }

    private long rowBytes(Slice s) {
        return unit.parameters().get(s.parameter).spec().rowNumel() * s.elementBytes;
    }

    /// Pieces in the making.
    private static final class Cut {
        private final UnitPlan unit;
        private final long bytesMost;
        private final List<LoadPiece> pieces = new ArrayList<>();
        private final List<Slice> slices = new ArrayList<>();
        private long bytes;

        Cut(UnitPlan unit, long bytesMost) {
            this.unit = unit;
            this.bytesMost = bytesMost;
        }

        /// So many shards at once that a row of each fits.
        void add(int parameter, int elementBytes) {
            long rowBytes = unit.parameters().get(parameter).spec().rowNumel() * elementBytes;
            int group = (int) Math.clamp(bytesMost / rowBytes, 1, unit.shardWorldSize());
            for (int first = 0; first < unit.shardWorldSize(); first += group) {
                addGroup(parameter, first, Math.min(group, unit.shardWorldSize() - first), rowBytes, elementBytes);
            }
        }

        /// The first shard of a group has most rows.
        private void addGroup(int parameter, int firstShard, int shards, long rowBytes, int elementBytes) {
            long rowsMost = unit.parameters().get(parameter).rows(firstShard);
            for (long row = 0; row < rowsMost;) {
                long fit = (bytesMost - bytes) / (rowBytes * shards);
                if (fit <= 0 && !slices.isEmpty()) {
                    flush();
                    continue;
                }
                long rows = Math.clamp(fit, 1, rowsMost - row);
                slices.add(new Slice(parameter, firstShard, shards, row, rows, elementBytes));
                bytes += rows * rowBytes * shards;
                row += rows;
            }
        }

        private void flush() {
            pieces.add(new LoadPiece(unit, slices));
            slices.clear();
            bytes = 0;
        }

        List<LoadPiece> finish() {
            if (!slices.isEmpty()) { flush(); }
            return List.copyOf(pieces);
        }
    }
}
