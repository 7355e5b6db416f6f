package dev.kintsugi.worker.fsdp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.adapter.LoraConfig;
import dev.kintsugi.sharding.adapter.TargetModules;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroups;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.Bf16;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.Decoder;
import dev.kintsugi.worker.optim.GradientNorm;
import dev.kintsugi.worker.optim.Optimizer;
import dev.kintsugi.worker.optim.Optimizers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Idea 3 of the design, on threads in one process: any world size that divides the micro-batches, with any strategy, gives the bits of one
/// rank.
class WorldSizeEqualityTest {
    private static final int MICROBATCHES = 12;     // several rounds on every world size
    private static final int BATCH = 2;
    private static final int LENGTH = 9;
    private static final int STEPS = 3;
    private static final OptimizerSettings OPTIMIZER = new OptimizerSettings.AdamW(0.9, 0.95, 1e-8, 0.1);

    @TempDir
    Path directory;

    /// What must be equal: losses and norms of all steps, and the unsharded weights (without padding).
    private record Outcome(List<Long> lossAndNormBits, List<Float> weights) {}

    /// Evaluations after each step, of data that does not divide into micro-batches nor these into ranks.
    private static final int EVALUATED = 7;
    private static final int EVALUATED_BATCH = 3;
    private final ConcurrentHashMap<Integer, List<Long>> evaluations = new ConcurrentHashMap<>();
    private boolean evaluates;

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 2, false, NONE, F32", "FULL_SHARD, 4, true, FULL, BF16", "SHARD_GRAD_OP, 3, false, SELECTIVE, BF16",
            "NO_SHARD, 2, true, NONE, F32", "HYBRID_SHARD, 4, false, FULL, F32"})
    void shouldEvaluateWithTheBitsOfOneRankAndChangeNone(ShardingStrategy strategy, int worldSize, boolean tied, ActivationCheckpointing checkpointing,
            DType dtype) throws Exception {
        Outcome without = train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, MICROBATCHES);
        evaluates = true;
        assertThat(train(Sharding.of(strategy, worldSize, 2), tied, checkpointing, dtype, MICROBATCHES)).isEqualTo(without);
        List<Long> ofAll = evaluations.get(worldSize);
        evaluations.clear();
        assertThat(train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, MICROBATCHES)).isEqualTo(without);
        assertThat(ofAll).hasSize(STEPS).doesNotHaveDuplicates().isEqualTo(evaluations.get(1));
    }

    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 2, false, NONE, F32", "FULL_SHARD, 3, false, SELECTIVE, BF16", "FULL_SHARD, 4, false, FULL, F32",
            "FULL_SHARD, 2, true, FULL, BF16", "FULL_SHARD, 3, true, NONE, F32", "SHARD_GRAD_OP, 2, false, NONE, BF16", "SHARD_GRAD_OP, 3, true, FULL, F32",
            "SHARD_GRAD_OP, 1, true, NONE, F32", "NO_SHARD, 2, false, SELECTIVE, F32", "NO_SHARD, 3, true, NONE, BF16", "NO_SHARD, 1, false, NONE, BF16",
            "HYBRID_SHARD, 4, false, NONE, BF16", "HYBRID_SHARD, 6, true, SELECTIVE, F32"})
    void shouldGiveTheBitsOfOneRank(ShardingStrategy strategy, int worldSize, boolean tied, ActivationCheckpointing checkpointing, DType dtype)
            throws Exception {
        assertThat(train(Sharding.of(strategy, worldSize, 2), tied, checkpointing, dtype, MICROBATCHES))
                .isEqualTo(train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, MICROBATCHES));
    }

    /// In one round sums of gradients take the place of activations; in the several of one rank they lie beside them.
    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 2, false, NONE, F32", "FULL_SHARD, 2, true, SELECTIVE, BF16", "FULL_SHARD, 3, false, FULL, BF16", "FULL_SHARD, 3, true, FULL, F32",
            "SHARD_GRAD_OP, 2, false, SELECTIVE, BF16", "NO_SHARD, 2, true, NONE, F32", "HYBRID_SHARD, 4, false, FULL, F32"})
    void shouldGiveTheBitsOfSeveralRoundsInOne(ShardingStrategy strategy, int worldSize, boolean tied, ActivationCheckpointing checkpointing, DType dtype)
            throws Exception {
        assertThat(train(Sharding.of(strategy, worldSize, 2), tied, checkpointing, dtype, worldSize))
                .isEqualTo(train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, worldSize));
    }

    @Test
    void shouldLearn() throws Exception {
        List<Long> bits = train(Sharding.fullShard(1), false, ActivationCheckpointing.NONE, DType.F32, MICROBATCHES).lossAndNormBits;
        assertThat(Double.longBitsToDouble(bits.get(2 * (STEPS - 1)))).isLessThan(Double.longBitsToDouble(bits.getFirst()));
    }

    @ParameterizedTest
    @CsvSource({"qwen2, FULL_SHARD, 3, NONE, F32", "qwen2-tied, NO_SHARD, 2, SELECTIVE, BF16", "qwen3, FULL_SHARD, 4, FULL, BF16",
            "qwen3-tied-biases, SHARD_GRAD_OP, 3, NONE, F32", "mistral, FULL_SHARD, 2, FULL, F32",
            "gpt-neox, FULL_SHARD, 3, FULL, F32", "gpt-neox, HYBRID_SHARD, 4, NONE, BF16", "gpt-neox-sequential, SHARD_GRAD_OP, 2, SELECTIVE, F32"})
    void shouldGiveTheBitsOfOneRankWithEachArchitecture(String fixture, ShardingStrategy strategy, int worldSize, ActivationCheckpointing checkpointing,
            DType dtype) throws Exception {
        String json = Files.readString(Path.of("src/test/resources/fixtures", fixture, "config.json"));
        ModelConfig config = ModelConfigParser.parse(json, fixture);
        assertThat(train(Sharding.of(strategy, worldSize, 2), config, checkpointing, dtype, MICROBATCHES))
                .isEqualTo(train(Sharding.fullShard(1), config, ActivationCheckpointing.NONE, dtype, MICROBATCHES));
    }

    private boolean separates;

    /// Sequences are samples of up to four tokens.
    @ParameterizedTest
    @CsvSource({"FULL_SHARD, 2, false, FULL, BF16", "SHARD_GRAD_OP, 3, true, NONE, F32"})
    void shouldGiveTheBitsOfOneRankWithSamplesThatDoNotSeeOneAnother(ShardingStrategy strategy, int worldSize, boolean tied,
            ActivationCheckpointing checkpointing, DType dtype) throws Exception {
        Outcome joined = train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, MICROBATCHES);
        separates = true;
        Outcome one = train(Sharding.fullShard(1), tied, ActivationCheckpointing.NONE, dtype, MICROBATCHES);
        assertThat(train(Sharding.of(strategy, worldSize, 2), tied, checkpointing, dtype, MICROBATCHES)).isEqualTo(one).isNotEqualTo(joined);
    }

    private Outcome train(Sharding sharding, boolean tied, ActivationCheckpointing checkpointing, DType dtype, int microbatches) throws Exception {
        return train(sharding, new LlamaConfig(24, 40, 2, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), tied, true, false, 0.05), checkpointing,
                dtype, microbatches);
    }

    private Outcome train(Sharding sharding, ModelConfig config, ActivationCheckpointing checkpointing, DType dtype, int microbatches) throws Exception {
        return train(ModelPlan.of(ShardPlanner.plan(ModelSpec.of(config), sharding)), checkpointing, dtype, microbatches);
    }

    /// On a frozen base, gathered in its own slots.
    @ParameterizedTest
    @CsvSource({"mha, FULL_SHARD, 3, NONE, F32, q_proj", "gqa, FULL_SHARD, 2, FULL, BF16, all-linear",
            "qwen3, SHARD_GRAD_OP, 4, SELECTIVE, BF16, '.*(down|o)_proj'",
            "tied, HYBRID_SHARD, 4, NONE, F32, '.*[02].*up_proj'", "gpt-neox, FULL_SHARD, 3, FULL, F32, all-linear",
            "gpt-neox-sequential, NO_SHARD, 2, NONE, BF16, query_key_value"})
    void shouldGiveTheBitsOfOneRankWithAdapters(String fixture, ShardingStrategy strategy, int worldSize, ActivationCheckpointing checkpointing, DType dtype,
            String targets) throws Exception {
        ModelSpec model = ModelSpec.of(ModelConfigParser.parse(Files.readString(Path.of("src/test/resources/fixtures", fixture, "config.json")), fixture));
        for (double dropout : new double[] {0, 0.3}) {
            String embedding = fixture.startsWith("gpt") ? "embed_in" : "embed_tokens";
            var lora = new LoraConfig(3, 8, dropout, TargetModules.of(targets), false, dropout > 0 ? List.of(embedding) : List.of());
            Outcome one = train(ModelPlan.of(model, lora, Sharding.fullShard(1)), ActivationCheckpointing.NONE, dtype, MICROBATCHES);
            assertThat(train(ModelPlan.of(model, lora, Sharding.of(strategy, worldSize, 2)), checkpointing, dtype, MICROBATCHES)).isEqualTo(one);
            assertThat(train(ModelPlan.of(model, lora, Sharding.fullShard(worldSize)), checkpointing, dtype, worldSize)).as("one round").isEqualTo(
                    train(ModelPlan.of(model, lora, Sharding.fullShard(1)), ActivationCheckpointing.NONE, dtype, worldSize));
            List<Long> bits = one.lossAndNormBits;
            assertThat(Double.longBitsToDouble(bits.get(2 * (STEPS - 1)))).isNotEqualTo(Double.longBitsToDouble(bits.getFirst()));
        }
    }

    private Outcome train(ModelPlan plan, ActivationCheckpointing checkpointing, DType dtype, int microbatches) throws Exception {
        int worldSize = plan.sharding().worldSize();
        Path shm = directory.resolve("world-%d-%s".formatted(worldSize, checkpointing));
        Files.createDirectories(shm);
        try (var pool = Executors.newFixedThreadPool(worldSize)) {
            var ranks = new ArrayList<Callable<Outcome>>();
            for (int r = 0; r < worldSize; r++) {
                int rank = r;
                ranks.add(() -> rank(plan, rank, checkpointing, dtype, microbatches, shm));
            }
            List<Outcome> outcomes = new ArrayList<>();
            for (Future<Outcome> f : pool.invokeAll(ranks)) { outcomes.add(f.get()); }
            assertThat(outcomes).allMatch(o -> o.equals(outcomes.getFirst()));
            return outcomes.getFirst();
        }
    }

    private Outcome rank(ModelPlan model, int rank, ActivationCheckpointing checkpointing, DType dtype, int microbatches, Path shm) {
        ShardPlan plan = model.trainedPlan();
        ModelConfig config = model.config();
        Kernels kernels = new ReferenceKernels();
        var group = CollectiveGroups.open(new GroupConfig("test", 1, rank, plan.worldSize(), GroupConfig.Transport.SHM, shm, shm, List.of(),
                Duration.ofSeconds(30)), plan.sharding(), GroupConfig.Transport.SHM);
        StepMemory memory = StepMemory.ofScratch(model, rank, BATCH, LENGTH, dtype, checkpointing, 0, microbatches / plan.worldSize());
        long evaluationBytes = StepMemory.evaluationBytes(model, EVALUATED_BATCH, BATCH, LENGTH, dtype, 0);
        try (group; var tensors = new RankTensors(plan, rank, OPTIMIZER.state()); var frozen = new FrozenShards(model, rank, dtype);
                Arena tables = Arena.ofShared();
                StepArena arena = StepArena.ofBytes(Math.max(memory.bytes(), evaluates ? evaluationBytes : 0))) {
            var units = new UnshardedUnits(model, group, dtype,
                    Stream.concat(Stream.of(tensors.state().weights()), frozen.weights().stream()).toList());
            var gradients = new GradientShards(plan, rank, arena, memory);
            var decoder = new Decoder(config, LENGTH, dtype, tables);
            var interpreter = new RoundInterpreter(model, group, units, gradients, decoder, kernels, arena, BATCH, LENGTH, dtype, checkpointing,
                    new PhaseClock());
            if (separates) { interpreter.separateSamples(new Tensor(tables.allocate(4L * BATCH * LENGTH), DType.I32, BATCH * LENGTH)); }
            for (UnitPlan unit : plan.units()) { initialise(unit, rank, tensors.state().parameters().get(unit.index()), DType.F32); }
            frozen.weights().ifPresent(base -> base.plan().units().forEach(unit -> initialise(unit, rank, base.segments().get(unit.index()), dtype)));
            Optimizer optimizer = Optimizers.open(OPTIMIZER, kernels, plan, rank, group::exchange);
            var norm = new GradientNorm(kernels, plan, rank);
            var bits = new ArrayList<Long>();
            for (int step = 0; step < STEPS; step++) {
                bits.addAll(step(plan, rank, group, tensors.state(), gradients, interpreter, optimizer, norm, step, microbatches));
                if (evaluates) {
                    evaluate(rank, group, new EvaluationInterpreter(model, units, gradients, decoder, kernels, arena, EVALUATED_BATCH, LENGTH, null));
                }
            }
            if (rank == 0 || !evaluates) {          // which has a whole micro-batch to evaluate
                assertThat(arena.highWaterBytes()).isEqualTo(Math.max(memory.activationBytes(), evaluates ? evaluationBytes : 0));
                assertThat(arena.usedBytes()).isEqualTo(Math.max(memory.bytes(), evaluates ? evaluationBytes : 0));
            }
            return new Outcome(bits, weights(plan, group, tensors));
        }
    }

    private void evaluate(int rank, CollectiveGroup group, EvaluationInterpreter interpreter) {
        var loss = new ExactSum();
        int microbatches = Math.ceilDiv(EVALUATED, EVALUATED_BATCH);
        for (int m = rank; m < Math.ceilDiv(microbatches, group.worldSize()) * group.worldSize(); m += group.worldSize()) {
            int first = m * EVALUATED_BATCH;
            loss.add(interpreter.run(Math.clamp(EVALUATED - first, 0, EVALUATED_BATCH), (ids, labels, _) -> fillEvaluated(first, ids, labels)));
        }
        var all = new ExactSum();
        for (byte[] b : group.exchange("evaluation", loss.toBytes())) { all.add(ExactSum.read(ByteBuffer.wrap(b))); }
        if (rank == 0) {
            evaluations.computeIfAbsent(group.worldSize(), _ -> new ArrayList<>()).add(Double.doubleToRawLongBits(all.toDouble()));
        }
    }

    /// The last micro-batch's samples are shorter.
    private static long fillEvaluated(int first, Tensor ids, Tensor labels) {
        int length = ids.numel() == EVALUATED_BATCH * LENGTH ? LENGTH : LENGTH - 2;
        var random = new Random(first);
        for (int i = 0; i < ids.numel() / LENGTH * length; i++) {
            ids.data().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(11));
            labels.data().setAtIndex(ValueLayout.JAVA_INT, i, i % length == length - 1 ? -100 : random.nextInt(11));
        }
        return length;
    }

    private static List<Long> step(ShardPlan plan, int rank, CollectiveGroup group, ShardBuffers state, GradientShards gradients,
            RoundInterpreter interpreter, Optimizer optimizer, GradientNorm norm, int step, int microbatches) {
        group.enterStep(step);
        var loss = new ExactSum();
        for (int m = rank; m < microbatches; m += plan.worldSize()) {
            int length = step == 0 ? LENGTH : LENGTH / 2 + m % 2;      // a micro-batch may be shorter than others
            fill(interpreter, new Random(1000L * step + m), plan.model().config().vocabSize(), length);
            interpreter.dropOut(1000L * step + m);
            loss.add(interpreter.run(length, 1.0 / (microbatches * BATCH * (LENGTH - 1)), m == rank));
        }
        interpreter.end();
        ExactSum squared = norm.squared(plan, rank, gradients.segments());
        var losses = new ExactSum();
        var squares = new ExactSum();
        for (byte[] b : group.exchange("totals", ByteBuffer.allocate(2 * ExactSum.BYTES).put(loss.toBytes()).put(squared.toBytes()).array())) {
            ByteBuffer buffer = ByteBuffer.wrap(b);
            losses.add(ExactSum.read(buffer));
            squares.add(ExactSum.read(buffer));
        }
        double gradNorm = Math.sqrt(squares.toDouble());
        optimizer.update(state, gradients.segments(), new Optimizer.Update(step + 1, 1e-2, GradientNorm.clipCoefficient(gradNorm, 1), gradNorm), _ -> {});
        return List.of(Double.doubleToRawLongBits(losses.toDouble()), Double.doubleToRawLongBits(gradNorm));
    }

    private static void fill(RoundInterpreter interpreter, Random random, int vocabSize, int length) {
        for (int i = 0; interpreter.positions() != null && i < BATCH * length; i++) {
            interpreter.positions().data().setAtIndex(ValueLayout.JAVA_INT, i, i % length % 4);
        }
        for (int i = 0; i < BATCH * length; i++) {
            interpreter.ids().data().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(vocabSize / 3));
        }
        for (int i = 0; i < BATCH * length; i++) {
            boolean last = i % length == length - 1 || i % 5 == 0;
            interpreter.labels().data().setAtIndex(ValueLayout.JAVA_INT, i,
                    last ? -100 : interpreter.ids().data().getAtIndex(ValueLayout.JAVA_INT, i + 1));
        }
    }

    /// This rank's rows of what every world size begins with.
    private static void initialise(UnitPlan unit, int rank, MemorySegment shard, DType dtype) {
        for (int i = 0; i < unit.parameters().size(); i++) {
            ParameterSpec p = unit.parameters().get(i).spec();
            RowShard rows = unit.rowShards(rank).get(i);
            var random = new Random(p.name().hashCode());
            for (long e = 0; e < (rows.firstRow() + rows.rows()) * rows.rowNumel(); e++) {
                float value = (float) (random.nextGaussian() * 0.2 + (p.decay() ? 0 : 1));
                long at = e - rows.firstRow() * rows.rowNumel();
                if (at < 0) { continue; }
                if (dtype == DType.BF16) {
                    Bf16.set(shard, rows.shardOffset() + at, value);
                } else {
                    shard.setAtIndex(ValueLayout.JAVA_FLOAT, rows.shardOffset() + at, value);
                }
            }
        }
    }

    private static List<Float> weights(ShardPlan plan, CollectiveGroup group, RankTensors tensors) {
        var whole = group.gatherBuffer("whole", plan.units().stream().mapToLong(UnitPlan::unshardedNumel).max().orElseThrow(), DType.F32);
        var weights = new ArrayList<Float>();
        for (UnitPlan unit : plan.units()) {
            group.allGather(unit, tensors.state().parameters().get(unit.index()), whole);
            for (ParameterPlan p : unit.parameters()) {
                for (long i = 0; i < p.spec().numel(); i++) {
                    weights.add(whole.segment().getAtIndex(ValueLayout.JAVA_FLOAT, p.unshardedOffset() + i));
                }
            }
        }
        return weights;
    }
}
