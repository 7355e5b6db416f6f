package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/// Turns a Hugging Face model into a committed checkpoint. The first moments are the weights themselves and the second ones zero.
final class FixtureCheckpoint {
    private FixtureCheckpoint() {}

    static Path save(Path modelDir, Path outputDir, int worldSize, long step) throws Exception {
        String config = Files.readString(modelDir.resolve("config.json"));
        var model = ModelSpec.of(ModelConfigParser.parse(config, "config.json"));
        ShardPlan plan = ShardPlanner.plan(model, worldSize);
        var files = new ArrayList<ShardFile>();
        try (var weights = HuggingFaceWeights.open(modelDir, model)) {
            for (int rank = 0; rank < worldSize; rank++) { files.addAll(save(weights, plan, rank, outputDir, step)); }
        }
        Path dir = outputDir.resolve(CheckpointLayout.CHECKPOINTS).resolve(CheckpointLayout.stepDirectory(step));
        Files.writeString(dir.resolve(CheckpointLayout.MANIFEST),
                Manifests.toJson(Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan, OptimizerState.ADAMW, config, "{}", SavedModel.training(step), files)));
        return dir;
    }

    private static List<ShardFile> save(HuggingFaceWeights weights, ShardPlan plan, int rank, Path outputDir, long step)
            throws Exception {
        var vote = new AtomicReference<CheckpointVote>();
        try (Arena arena = Arena.ofShared();
                var writer = new CheckpointWriter(StoragePath.of(outputDir.resolve("checkpoints")), plan, rank, OptimizerState.ADAMW, true)) {
            List<MemorySegment> shards = plan.units().stream().map(u -> shard(weights, u, rank, arena)).toList();
            List<MemorySegment> zeros = shards.stream().map(s -> arena.allocate(s.byteSize())).toList();
            writer.save(new ShardBuffers(plan, rank, OptimizerState.ADAMW, shards, List.of(shards, zeros)), SavedModel.training(step), vote::set);
            writer.awaitIdle();
        }
        if (!vote.get().getFailure().isEmpty()) { throw new IllegalStateException(vote.get().getFailure()); }
        return vote.get().getFilesList();
    }

    private static MemorySegment shard(HuggingFaceWeights weights, UnitPlan unit, int rank, Arena arena) {
        MemorySegment shard = arena.allocate(unit.shardNumel(rank) * Float.BYTES, 64);
        for (int i = 0; i < unit.parameters().size(); i++) {
            ParameterSpec p = unit.parameters().get(i).spec();
            MemorySegment whole = arena.allocate(p.numel() * Float.BYTES, 64);
            weights.read(p, whole, 0);
            var rows = unit.rowShards(rank).get(i);
            MemorySegment.copy(whole, rows.firstRow() * rows.rowNumel() * Float.BYTES, shard, rows.shardOffset() * Float.BYTES,
                    rows.numel() * Float.BYTES);
        }
        return shard;
    }
}
