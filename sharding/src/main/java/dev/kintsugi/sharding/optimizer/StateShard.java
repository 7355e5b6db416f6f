package dev.kintsugi.sharding.optimizer;

import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A rank's part of one tensor of a slot. The parts of a unit lie one after another in the rank's buffer, and in its file, in the order of the
/// unit's parameters.
///
/// @param parameter index in the unit
/// @param firstRow of the whole tensor
/// @param rows may be 0
/// @param offsetBytes from the start of the slot's buffer of the unit
/// @param isSaved whether this rank's file has it
public record StateShard(int parameter, StateTensor tensor, long firstRow, long rows, long offsetBytes, boolean isSaved) {
    /// Those parameters that the slot is kept for.
    public static List<StateShard> of(StateSlot slot, UnitPlan unit, int rank) {
        var shards = new ArrayList<StateShard>();
        long offset = 0;
        for (int i = 0; i < unit.parameters().size(); i++) {
            ParameterPlan p = unit.parameters().get(i);
            Optional<StateTensor> tensor = slot.tensor(p.spec().name(), p.spec().shape());
            if (tensor.isEmpty()) { continue; }
            StateShard shard = of(i, p, tensor.get(), rank, offset);
            shards.add(shard);
            offset += shard.bytes();
        }
        return shards;
    }

    private static StateShard of(int index, ParameterPlan p, StateTensor tensor, int rank, long offset) {
        if (tensor.isCut()) { return new StateShard(index, tensor, p.firstRow(rank), p.rows(rank), offset, p.rows(rank) > 0); }
        return new StateShard(index, tensor, 0, tensor.rows(), offset, rank % p.shardWorldSize() == 0);
    }

    public long bytes() {
        return rows * tensor.rowBytes();
    }
}
