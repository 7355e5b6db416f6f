package dev.kintsugi.worker.fsdp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.estimate.MemoryEstimator;
import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointWriter;
import dev.kintsugi.worker.collective.CollectiveGroups;
import dev.kintsugi.worker.collective.GroupConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What a rank's allocators count is what the estimate says, to the byte, for every strategy on 1 to 6 ranks; a save's pool is at most
/// what it says.
class MemoryEstimatePropertyTest {
    @TempDir
    Path directory;

    static Stream<Arguments> worlds() {
        return IntStream.rangeClosed(1, 6).boxed().flatMap(n -> Stream.concat(
                Stream.of(ShardingStrategy.FULL_SHARD, ShardingStrategy.SHARD_GRAD_OP, ShardingStrategy.NO_SHARD).map(s -> Sharding.of(s, n, n)),
                IntStream.rangeClosed(1, n).filter(s -> n % s == 0).mapToObj(s -> Sharding.of(ShardingStrategy.HYBRID_SHARD, n, s))))
                .map(s -> Arguments.of(s, Long.getLong("test.seed", 31L * s.hashCode())));
    }

    @ParameterizedTest(name = "{0} -Dtest.seed={1}")
    @MethodSource("worlds")
    void shouldHoldWhatTheEstimateSays(Sharding sharding, long seed) throws Exception {
        var random = new Random(seed);
        DType dtype = random.nextBoolean() ? DType.BF16 : DType.F32;
        boolean saves = random.nextBoolean();
        ShardPlan plan = ShardPlanner.plan(ModelSpec.of(config(random)), sharding);
        try (var pool = Executors.newFixedThreadPool(sharding.worldSize())) {
            var ranks = new ArrayList<Callable<Long>>();
            for (int r = 0; r < sharding.worldSize(); r++) {
                int rank = r;
                ranks.add(() -> allocatedBytes(plan, rank, dtype, saves));
            }
            var counted = pool.invokeAll(ranks);
            for (int rank = 0; rank < sharding.worldSize(); rank++) {
                assertThat(counted.get(rank).get()).as("rank %d seed=%d", rank, seed).isEqualTo(estimatedBytes(plan, rank, dtype, saves));
            }
        }
    }

    private static ModelConfig config(Random random) {
        int heads = 2 * (1 + random.nextInt(3));
        boolean even = random.nextBoolean();            // whole units may be used in place then
        int hidden = heads * (even ? 32 : 2 * (1 + random.nextInt(5)));
        int intermediate = even ? 64 : 1 + random.nextInt(60);
        return new LlamaConfig(hidden, intermediate, 1 + random.nextInt(4), heads, 2, hidden / heads, 1 + random.nextInt(90), 64, 1e-6, 10000,
                new RopeScaling.None(), random.nextBoolean(), random.nextBoolean(), false, 0.05);
    }

    /// As a rank allocates it, but for the step's memory, which WorldSizeEqualityTest holds to its plan, and the rotary tables.
    private long allocatedBytes(ShardPlan plan, int rank, DType dtype, boolean saves) throws Exception {
        var config = new GroupConfig("test", 1, rank, plan.worldSize(), GroupConfig.Transport.SHM, directory, directory, List.of(), Duration.ofSeconds(30));
        try (var group = CollectiveGroups.open(config, plan.sharding(), GroupConfig.Transport.SHM);
                var tensors = new RankTensors(plan, rank, OptimizerState.ADAMW);
                var writer = new CheckpointWriter(StoragePath.of(directory.resolve("out")), plan, rank, OptimizerState.ADAMW, true)) {
            var units = new UnshardedUnits(ModelPlan.of(plan), group, dtype, List.of(tensors.state().weights()));
            assertThat(units.gradientSlot(plan.units().getFirst()).segment().byteSize()).isPositive();
            if (saves) {
                writer.save(tensors.state(), TrainingState.newBuilder().setStep(1).build(), vote -> assertThat(vote.getFailure()).isEmpty());
                writer.awaitIdle();
            }
            long pool = snapshotBytes(plan, rank, dtype, saves);
            assertThat(writer.allocatedBytes()).as("a save's pool is taken as it is needed").isBetween(Math.min(1, pool), pool);
            return tensors.allocatedBytes() + group.allocatedBytes() + pool;
        }
    }

    private static long estimatedBytes(ShardPlan plan, int rank, DType dtype, boolean saves) {
        ModelConfig config = plan.model().config();
        StepMemory step = StepMemory.of(ModelPlan.of(plan), rank, 2, 9, dtype, ActivationCheckpointing.NONE, 1, 1);
        return estimate(plan, rank, dtype, saves).totalBytes() - step.bytes() - 4L * 9 * config.headDim();
    }

    private static long snapshotBytes(ShardPlan plan, int rank, DType dtype, boolean saves) {
        return estimate(plan, rank, dtype, saves).items().stream().filter(i -> i.purpose().equals("checkpoint snapshot")).findFirst().orElseThrow().bytes();
    }

    private static MemoryEstimator.Estimate estimate(ShardPlan plan, int rank, DType dtype, boolean saves) {
        return MemoryEstimator.estimate(ModelPlan.of(plan), rank, OptimizerState.ADAMW, 2, 9, dtype, ActivationCheckpointing.NONE, saves, 1, 1);
    }
}
