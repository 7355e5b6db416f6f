package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.manifest.Manifests;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;

/// A model whose every element is a function of (kind, parameter, index), so that any rank's buffers can be made and checked alone.
public record SavedModel(ModelSpec model, long seed, OptimizerState optimizer) {
    public static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 20, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 5,
             "num_key_value_heads": 1, "vocab_size": 67, "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
             "torch_dtype": "bfloat16", "eos_token_id": 2, "tie_word_embeddings": false}""";

    private SavedModel(ModelSpec model, long seed) {
        this(model, seed, OptimizerState.ADAMW);
    }

    public SavedModel with(OptimizerState other) {
        return new SavedModel(model, seed, other);
    }

    /// Rows that do not divide, and fewer rows than ranks.
    public static SavedModel random(long seed) {
        var random = new Random(seed);
        var units = new ArrayList<UnitSpec>();
        for (int u = 0; u < 2; u++) {
            var parameters = new ArrayList<ParameterSpec>();
            for (int p = 0; p < 3; p++) {
                List<Long> shape = p == 0 ? List.of(random.nextLong(1, 30)) : List.of(random.nextLong(1, 30), random.nextLong(1, 6));
                parameters.add(new ParameterSpec("u%d.p%d".formatted(u, p), shape, new InitRule.Normal(0.02), true));
            }
            units.add(new UnitSpec("u" + u, UnitSpec.Kind.BLOCK, parameters));
        }
        return new SavedModel(new ModelSpec(llama().model.config(), units), seed);
    }

    /// Units of one parameter of `numel` elements, in rows of 100.
    public static SavedModel wide(int units, long numel) {
        var all = new ArrayList<UnitSpec>();
        for (int u = 0; u < units; u++) {
            all.add(new UnitSpec("u" + u, UnitSpec.Kind.BLOCK,
                    List.of(new ParameterSpec("u%d.p".formatted(u), List.of(numel / 100, 100L), new InitRule.Normal(0.02), true))));
        }
        return new SavedModel(new ModelSpec(llama().model.config(), all), 9);
    }

    public static SavedModel llama() {
        return new SavedModel(ModelSpec.of(ModelConfigParser.parse(CONFIG, "config.json")), 5);
    }

    public ShardPlan plan(int worldSize) {
        return plan(Sharding.fullShard(worldSize));
    }

    public ShardPlan plan(Sharding sharding) {
        return ShardPlanner.plan(model, sharding);
    }

    public ShardBuffers empty(ShardPlan plan, int rank) {
        return new ShardBuffers(plan, rank, optimizer, allocate(plan, u -> u.shardNumel(rank) * Float.BYTES),
                optimizer.slots().stream().map(s -> allocate(plan, u -> OptimizerState.bytes(s, u, rank))).toList());
    }

    private static List<MemorySegment> allocate(ShardPlan plan, ToLongFunction<UnitPlan> bytes) {
        return plan.units().stream().map(u -> Arena.ofAuto().allocate(bytes.applyAsLong(u), 64)).toList();
    }

    public ShardBuffers filled(ShardPlan plan, int rank) {
        ShardBuffers buffers = empty(plan, rank);
        for (UnitPlan unit : plan.units()) {
            for (int i = 0; i < unit.parameters().size(); i++) {
                RowShard s = unit.rowShards(rank).get(i);
                fill(buffers.parameters().get(unit.index()), 0, unit.parameters().get(i), s.shardOffset() * Float.BYTES, DType.F32,
                        s.firstRow() * s.rowNumel(), s.numel());
            }
            for (int k = 0; k < optimizer.slots().size(); k++) {
                for (StateShard s : StateShard.of(optimizer.slots().get(k), unit, rank)) {
                    DType dtype = s.tensor().dtype();
                    fill(buffers.slots().get(k).get(unit.index()), k + 1, unit.parameters().get(s.parameter()), s.offsetBytes(), dtype,
                            s.firstRow() * s.tensor().rowBytes() / dtype.bytes(), s.bytes() / dtype.bytes());
                }
            }
        }
        return buffers;
    }

    private void fill(MemorySegment buffer, int kind, ParameterPlan p, long offsetBytes, DType dtype, long firstElement, long elements) {
        for (long e = 0; e < elements; e++) {
            int bits = bits(kind, p.spec().name(), firstElement + e);
            if (dtype == DType.F32) {
                buffer.set(ValueLayout.JAVA_INT, offsetBytes + e * Float.BYTES, bits);
            } else {
                buffer.set(ValueLayout.JAVA_BYTE, offsetBytes + e, (byte) bits);
            }
        }
    }

    /// Any bits, NaNs included: nothing may look at values.
    public int bits(int kind, String parameter, long element) {
        return (int) ((seed * 31 + parameter.hashCode() + kind * 7919L + element) * 0x9E3779B97F4A7C15L >>> 32);
    }

    /// Saves on `worldSize` ranks and commits, as coordinator and ranks do together; returns the checkpoint directory.
    public Path save(Path outputDir, int worldSize, long step) throws Exception {
        return save(outputDir, Sharding.fullShard(worldSize), step);
    }

    public Path save(Path outputDir, Sharding sharding, long step) throws Exception {
        return save(outputDir, sharding, step, _ -> {});
    }

    /// @param change made to each rank's buffers before they are saved
    public Path save(Path outputDir, Sharding sharding, long step, Consumer<ShardBuffers> change) throws Exception {
        ShardPlan plan = plan(sharding);
        var files = new ArrayList<ShardFile>();
        TrainingState training = training(step);
        for (int rank = 0; rank < sharding.worldSize(); rank++) {
            ShardBuffers state = filled(plan, rank);
            change.accept(state);
            files.addAll(saveRank(outputDir, plan, rank, training, state).getFilesList());
        }
        return commit(outputDir, plan, optimizer, training, files);
    }

    public CheckpointVote saveRank(Path outputDir, ShardPlan plan, int rank, TrainingState training) throws InterruptedException {
        return saveRank(outputDir, plan, rank, training, filled(plan, rank));
    }

    private static CheckpointVote saveRank(Path outputDir, ShardPlan plan, int rank, TrainingState training, ShardBuffers state)
            throws InterruptedException {
        var vote = new AtomicReference<CheckpointVote>();
        try (var writer = new CheckpointWriter(StoragePath.of(outputDir.resolve("checkpoints")), plan, rank, state.optimizer(), true)) {
            if (!writer.save(state, training, vote::set)) { throw new AssertionError("refused"); }
            writer.awaitIdle();
        }
        return vote.get();
    }

    /// Of AdamW.
    public static Path commit(Path outputDir, ShardPlan plan, TrainingState training, List<ShardFile> files) throws IOException {
        return commit(outputDir, plan, OptimizerState.ADAMW, training, files);
    }

    private static Path commit(Path outputDir, ShardPlan plan, OptimizerState optimizer, TrainingState training, List<ShardFile> files) throws IOException {
        Path dir = outputDir.resolve("checkpoints").resolve(CheckpointLayout.stepDirectory(training.getStep()));
        Files.writeString(dir.resolve(CheckpointLayout.MANIFEST),
                Manifests.toJson(Manifests.of("0.1.0", "2026-11-22T14:00:00Z", plan, optimizer, CONFIG, "{\"max_steps\": \"9\"}", training, files)));
        return dir;
    }

    public static TrainingState training(long step) {
        return TrainingState.newBuilder().setStep(step).setSamplesSeen(12 * step).setTokensSeen(768 * step).setMicrobatchesPerStep(12)
                .setSeed(42).setDatasetDigest("d").build();
    }
}
