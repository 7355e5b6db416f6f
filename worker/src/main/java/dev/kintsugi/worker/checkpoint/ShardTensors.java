package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.safetensors.SafetensorsWriter.Planned;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The tensors of one rank's shard file, in the order of its shard buffers, so that a unit's buffer goes to the file as it is.
///
/// A parameter of which the rank holds no rows is left out. The optimizer's tensors have the names that PyTorch gives them in a
/// flattened optimizer state dict: `state.<parameter>.exp_avg` and `state.<parameter>.exp_avg_sq`; its step count is the manifest's.
///
/// @param path relative to the checkpoint directory
/// @param tensors in body order
/// @param metadata with `DCP_SHARDING_INFO`, from which `torch.distributed.checkpoint.HuggingFaceStorageReader` learns where the rows
/// belong
record ShardTensors(String path, List<Planned> tensors, Map<String, String> metadata) {
    private static final JsonMapper JSON = new JsonMapper();

    static ShardTensors model(ShardPlan plan, int rank) {
        var b = new Builder(plan, rank);
        b.add(name -> name);
        return b.build(CheckpointLayout.modelFile(rank));
    }

    /// All first moments, then all second moments.
    static ShardTensors optimizer(ShardPlan plan, int rank) {
        var b = new Builder(plan, rank);
        b.add(ShardTensors::expAvg);
        b.add(ShardTensors::expAvgSq);
        return b.build(CheckpointLayout.optimizerFile(rank));
    }

    static String expAvg(String parameter) {
        return "state." + parameter + ".exp_avg";
    }

    static String expAvgSq(String parameter) {
        return "state." + parameter + ".exp_avg_sq";
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

        void add(UnaryOperator<String> tensorName) {
            for (UnitPlan unit : plan.units()) {
                List<RowShard> rowShards = unit.rowShards(rank);
                for (int i = 0; i < rowShards.size(); i++) {
                    var spec = unit.parameters().get(i).spec();
                    add(tensorName.apply(spec.name()), spec.shape(), rowShards.get(i));
                }
            }
        }

        private void add(String name, List<Long> wholeShape, RowShard rowShard) {
            if (rowShard.rows() == 0) { return; }
            var shape = new ArrayList<>(wholeShape);
            shape.set(0, rowShard.rows());
            tensors.add(new Planned(name, List.copyOf(shape)));
            var offsets = shardingInfo.putObject(name).putArray("saved_offsets").add(rowShard.firstRow());
            for (int d = 1; d < shape.size(); d++) { offsets.add(0); }
        }

        ShardTensors build(String path) {
            return new ShardTensors(path, List.copyOf(tensors),
                    Map.of("DCP_SHARDING_INFO", JSON.writeValueAsString(shardingInfo), "DCP_VERSION", "1.0", "format", "pt"));
        }
    }
}
