package dev.kintsugi.sharding.plan;

import dev.kintsugi.sharding.architecture.UnitSpec;
import java.util.ArrayList;
import java.util.List;

/// Where one unit's parameters lie: parameter-major in the unsharded buffer, row blocks one after another in a rank's shard.
///
/// @param index position of the unit in the forward pass
/// @param unshardedNumel elements of the unsharded buffer, every parameter's tail padding to `shardWorldSize * rowsPerRank` rows included
public record UnitPlan(int index, UnitSpec spec, List<ParameterPlan> parameters, long unshardedNumel) {
    public UnitPlan {
        parameters = List.copyOf(parameters);
    }

    public String name() {
        return spec.name();
    }

    /// Shards of one copy.
    public int shardWorldSize() {
        return parameters.getFirst().shardWorldSize();
    }

    /// What `rank` holds, in the order of [#parameters()]; entries with no rows stay in the list.
    public List<RowShard> rowShards(int rank) {
        var shards = new ArrayList<RowShard>();
        long shardOffset = 0;
        for (ParameterPlan p : parameters) {
            long rowNumel = p.spec().rowNumel();
            var shard = new RowShard(p.firstRow(rank), p.rows(rank), shardOffset,
                    p.unshardedOffset() + p.firstRow(rank) * rowNumel,
                    rowNumel);
            shards.add(shard);
            shardOffset += shard.numel();
        }
        return List.copyOf(shards);
    }

    /// Whether a shard is the whole unit in its unsharded layout, but for padding at the end.
    public boolean isShardUnsharded() {
        return shardWorldSize() == 1 && rowShards(0).stream().allMatch(s -> s.shardOffset() == s.unshardedOffset());
    }

    /// Elements of `rank`'s shard of this unit.
    public long shardNumel(int rank) {
        long numel = 0;
        for (ParameterPlan p : parameters) { numel += p.rows(rank) * p.spec().rowNumel(); }
        return numel;
    }
}
