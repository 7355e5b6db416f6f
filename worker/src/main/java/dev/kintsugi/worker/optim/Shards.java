package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;

/// Walks over a rank's rows, parameter by parameter.
final class Shards {
    private Shards() {}

    interface Body {
        /// @param parameter index in the unit
        void accept(int unit, int parameter, ParameterSpec spec, RowShard shard);
    }

    /// All units, each announced before anything of it is visited.
    static void each(ShardBuffers state, IntConsumer beforeUnit, Body body) {
        for (UnitPlan unit : state.plan().units()) {
            beforeUnit.accept(unit.index());
            each(state, unit, body);
        }
    }

    /// The parameters of one unit of which the rank has rows.
    static void each(ShardBuffers state, UnitPlan unit, Body body) {
        List<RowShard> shards = unit.rowShards(state.rank());
        for (int i = 0; i < shards.size(); i++) {
            if (shards.get(i).rows() > 0) { body.accept(unit.index(), i, unit.parameters().get(i).spec(), shards.get(i)); }
        }
    }

    /// A rank's rows in an f32 buffer that is laid out like its shard.
    static Tensor view(MemorySegment unitShard, RowShard shard) {
        return new Tensor(unitShard.asSlice(shard.shardOffset() * DType.F32.bytes()), DType.F32, shard.numel());
    }

    /// The same as a matrix of rows.
    static Tensor matrix(MemorySegment unitShard, RowShard shard) {
        return view(unitShard, shard).reshape(shard.rows(), shard.rowNumel());
    }
}
