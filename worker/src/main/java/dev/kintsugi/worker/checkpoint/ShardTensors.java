package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The tensors of one rank's shard file, in the order of its shard buffers, so that a unit's buffer goes to the file as it is.
///
/// A parameter of which the rank holds no rows is left out. The optimizer's tensors have the names that PyTorch gives them in a
/// flattened optimizer state dict, such as `state.<parameter>.exp_avg`; its step count is the manifest's.
///
/// @param path relative to the checkpoint directory
/// @param tensors in body order
/// @param metadata with `DCP_SHARDING_INFO`, from which `torch.distributed.checkpoint.HuggingFaceStorageReader` learns where the rows
/// belong
record ShardTensors(String path, List<Planned> tensors, Map<String, String> metadata) {
    private static final JsonMapper JSON = new JsonMapper();

    static ShardTensors model(ShardPlan plan, int rank) {
        var b = new Builder(plan, rank);
        for (UnitPlan unit : plan.units()) { b.addWeights(unit); }
        return b.build(CheckpointLayout.modelFile(rank));
    }

    /// Slot after slot.
    static ShardTensors optimizer(ShardPlan plan, int rank, OptimizerState state) {
        var b = new Builder(plan, rank);
        for (StateSlot slot : state.slots()) {
            for (UnitPlan unit : plan.units()) { b.add(slot, unit); }
        }
        return b.build(CheckpointLayout.optimizerFile(rank));
    }

    private static final class Builder {
        private final ShardPlan plan;
        private final int rank;
        private final List<Planned> tensors = new ArrayList<>();
        private final ObjectNode shardingInfo = JSON.createObjectNode();

        Builder(ShardPlan plan, int rank) {
            this.plan = plan;
            this.rank = rank;
        }

        void addWeights(UnitPlan unit) {
            List<RowShard> rowShards = unit.rowShards(rank);
            for (int i = 0; i < rowShards.size(); i++) {
                ParameterSpec spec = unit.parameters().get(i).spec();
                RowShard rows = rowShards.get(i);
                if (rows.rows() > 0) { add(spec.name(), ElementType.F32, spec.shape(), rows.firstRow(), rows.rows()); }
            }
        }

        void add(StateSlot slot, UnitPlan unit) {
            for (StateShard s : StateShard.of(slot, unit, rank)) {
                if (!s.isSaved()) { continue; }
                add(slot.tensorName(unit.parameters().get(s.parameter()).spec().name()), ElementType.of(slot.dtype()), s.tensor().shape(), s.firstRow(),
                        s.rows());
            }
        }

        private void add(String name, ElementType type, List<Long> wholeShape, long firstRow, long rows) {
            var shape = new ArrayList<>(wholeShape);
            shape.set(0, rows);
            tensors.add(new Planned(name, type, List.copyOf(shape)));
            var offsets = shardingInfo.putObject(name).putArray("saved_offsets").add(firstRow);
            for (int d = 1; d < shape.size(); d++) { offsets.add(0); }
        }

        ShardTensors build(String path) {
            return new ShardTensors(path, List.copyOf(tensors),
                    Map.of("DCP_SHARDING_INFO", JSON.writeValueAsString(shardingInfo), "DCP_VERSION", "1.0", "format", "pt"));
        }
    }
}
