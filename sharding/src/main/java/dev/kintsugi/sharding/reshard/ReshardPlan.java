package dev.kintsugi.sharding.reshard;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.SavedParameter;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Which saved rows make up each row shard of `target`, for any two world sizes.
public record ReshardPlan(Map<String, SavedParameter> saved, ShardPlan target) {
    public ReshardPlan {
        saved = Map.copyOf(saved);
    }

    /// @throws IllegalArgumentException if the checkpoint's parameters are not those of the plan; names the first that differs
    public static ReshardPlan of(Manifest manifest, ShardPlan target) {
        Map<String, SavedParameter> saved = manifest.parametersByName();
        var wanted = new HashSet<String>();
        for (ParameterSpec p : target.model().parameters()) {
            wanted.add(p.name());
            SavedParameter s = saved.get(p.name());
            if (s == null) { throw new IllegalArgumentException("the checkpoint has no parameter '%s'".formatted(p.name())); }
            if (!s.shape().equals(p.shape())) {
                throw new IllegalArgumentException("parameter '%s' has shape %s in the checkpoint and %s in the model"
                        .formatted(p.name(), s.shape(), p.shape()));
            }
        }
        for (String name : new TreeSet<>(saved.keySet())) {
            if (!wanted.contains(name)) {
                throw new IllegalArgumentException("the checkpoint's parameter '%s' is not in the model".formatted(name));
            }
        }
        return new ReshardPlan(saved, target);
    }

    /// The pieces of `rank`'s row shard of `parameter`, in row order; none when it holds no rows.
    public List<RowPiece> pieces(ParameterPlan parameter, int rank) {
        SavedParameter s = saved.get(parameter.spec().name());
        return pieces(s, parameter.firstRow(rank), parameter.rows(rank));
    }

    /// The pieces that rows `[firstRow, firstRow + rows)` of a saved parameter are made of.
    public static List<RowPiece> pieces(SavedParameter saved, long firstRow, long rows) {
        var pieces = new ArrayList<RowPiece>();
        long end = firstRow + rows;
        for (long row = firstRow; row < end;) {
            int savedRank = Math.toIntExact(row / saved.rowsPerRank());
            long savedFirstRow = saved.firstRow(savedRank);
            long take = Math.min(end, savedFirstRow + saved.rows(savedRank)) - row;
            pieces.add(new RowPiece(saved.name(), savedRank, row - savedFirstRow, row - firstRow, take));
            row += take;
        }
        return Collections.unmodifiableList(pieces);
    }

    /// The saved ranks whose files `rank` has to read.
    public Set<Integer> savedRanks(int rank) {
        var ranks = new BitSet();
        for (UnitPlan unit : target.units()) {
            for (ParameterPlan p : unit.parameters()) { addSavedRanks(p, rank, ranks); }
        }
        return ranks.stream().boxed().collect(Collectors.toCollection(TreeSet::new));
    }

    private void addSavedRanks(ParameterPlan p, int rank, BitSet ranks) {
        long rows = p.rows(rank);
        if (rows == 0) { return; }
        long rowsPerRank = saved.get(p.spec().name()).rowsPerRank();
        int last = Math.toIntExact((p.firstRow(rank) + rows - 1) / rowsPerRank);
        ranks.set(Math.toIntExact(p.firstRow(rank) / rowsPerRank), last + 1);
    }
}
