package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.LoadMode;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.checkpoint.weights.FreshWeights;
import dev.kintsugi.worker.checkpoint.weights.HuggingFaceWeights;
import dev.kintsugi.worker.checkpoint.weights.ModelFiles;
import dev.kintsugi.worker.checkpoint.weights.ModelFiles.Layout;
import dev.kintsugi.worker.checkpoint.weights.ModelFiles.Type;
import dev.kintsugi.worker.checkpoint.weights.WeightSource;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroups;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.fsdp.RankTensors;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// However weights come to however many ranks: every rank holds its rows of what is in the files, bit for bit.
class StartingWeightsPropertyTest {
    private static final List<Sharding> WORLDS = List.of(Sharding.fullShard(1), Sharding.fullShard(2), Sharding.fullShard(3), Sharding.fullShard(4),
            Sharding.of(ShardingStrategy.NO_SHARD, 2, 2), Sharding.of(ShardingStrategy.SHARD_GRAD_OP, 3, 3), Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2));

    @TempDir
    Path directory;

    private int attempts;

    /// What ranks hold after loading, and the digest that all found.
    private record Held(List<List<float[]>> byRank, String digest) {}

    /// Opens a rank's own view of the weights.
    private interface Opener {
        WeightSource open(int rank);
    }

    static Stream<Arguments> cases() {
        long seed = Long.getLong("test.seed", System.nanoTime() & 0xffffff);
        return Stream.of(LoadMode.SCATTER, LoadMode.BROADCAST, LoadMode.DIRECT)
                .flatMap(mode -> Stream.of(Type.values()).map(type -> Arguments.of(mode, type, seed)));
    }

    @ParameterizedTest(name = "{0} {1} -Dtest.seed={2}")
    @MethodSource("cases")
    void shouldGiveEveryRankItsRowsOfTheFiles(LoadMode mode, Type type, long seed) throws Exception {
        for (Layout layout : Layout.values()) {
            Path dir = directory.resolve(layout.name());
            Map<String, float[]> values = ModelFiles.write(dir, plan(WORLDS.getFirst()).model(), type, layout, seed);
            String digest = null;
            for (Sharding sharding : WORLDS) {
                ShardPlan plan = plan(sharding);
                Held held = load(plan, mode, 700, rank -> HuggingFaceWeights.open(dir, plan.model()));
                assertHolds(plan, values, held);
                assertThat(held.digest).isEqualTo(digest == null ? held.digest : digest);
                digest = held.digest;
            }
        }
    }

    @Test
    void shouldMakeFreshWeightsTheSameForAnyNumberOfRanks() throws Exception {
        ShardPlan one = plan(Sharding.fullShard(1));
        Held all = load(one, LoadMode.DIRECT, 700, rank -> new FreshWeights(one.model(), 5));
        for (Sharding sharding : WORLDS) {
            ShardPlan plan = plan(sharding);
            assertThat(load(plan, LoadMode.DIRECT, 700, rank -> new FreshWeights(plan.model(), 5)).digest).isEqualTo(all.digest);
        }
        assertThat(load(one, LoadMode.DIRECT, 700, rank -> new FreshWeights(one.model(), 6)).digest).isNotEqualTo(all.digest);
    }

    /// Rows that are longer than a piece, and pieces that hold a whole unit.
    @Test
    void shouldNotDependOnTheSizeOfAPiece() throws Exception {
        ShardPlan plan = plan(Sharding.fullShard(3));
        Map<String, float[]> values = ModelFiles.write(directory, plan.model(), Type.BF16, Layout.SINGLE, 1);
        for (long bytes : new long[] {1, 48, 49, 500, 1 << 20}) {
            assertHolds(plan, values, load(plan, LoadMode.SCATTER, bytes, rank -> HuggingFaceWeights.open(directory, plan.model())));
            assertHolds(plan, values, load(plan, LoadMode.DIRECT, bytes, rank -> HuggingFaceWeights.open(directory, plan.model())));
        }
    }

    @Test
    void shouldRefuseRanksThatSeeOtherFiles() throws Exception {
        ShardPlan plan = plan(Sharding.fullShard(2));
        ModelFiles.write(directory.resolve("0"), plan.model(), Type.F32, Layout.SINGLE, 1);
        ModelFiles.write(directory.resolve("1"), plan.model(), Type.BF16, Layout.SINGLE, 1);
        assertThatThrownBy(() -> load(plan, LoadMode.DIRECT, 700, rank -> HuggingFaceWeights.open(directory.resolve("" + rank), plan.model())))
                .isInstanceOf(CallerException.class).hasMessageStartingWith("ranks 0 and 1 see different weights under the same name; put model_name on");
    }

    @Test
    void shouldNameAFileThatIsCutOffWhileItIsRead() throws Exception {
        ShardPlan plan = plan(Sharding.fullShard(1));
        ModelFiles.write(directory, plan.model(), Type.F32, Layout.SINGLE, 1);
        Path file = directory.resolve("model.safetensors");
        for (LoadMode mode : List.of(LoadMode.SCATTER, LoadMode.DIRECT)) {
            assertThatThrownBy(() -> load(plan, mode, 700, rank -> {
                HuggingFaceWeights weights = HuggingFaceWeights.open(directory, plan.model());
                try (var channel = Files.newByteChannel(file, java.nio.file.StandardOpenOption.WRITE)) {
                    channel.truncate(Files.size(file) - 100);
                } catch (java.io.IOException e) {
                    throw new AssertionError(e);
                }
                return weights;
            })).isInstanceOf(WorldException.class).hasMessageStartingWith(file + " cannot be read: it ends at byte ");
            ModelFiles.write(directory, plan.model(), Type.F32, Layout.SINGLE, 1);
        }
    }

    /// 33, 41 and 6 rows do not divide by 4: shards differ in length.
    private static ShardPlan plan(Sharding sharding) {
        var config = new LlamaConfig(24, 41, 2, 4, 1, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), false, true, false, 0.05);
        return ShardPlanner.plan(ModelSpec.of(config), sharding);
    }

    private Held load(ShardPlan plan, LoadMode mode, long pieceBytes, Opener opener) throws Exception {
        Path shm = Files.createDirectories(directory.resolve("shm-" + attempts++));
        try (var pool = Executors.newFixedThreadPool(plan.worldSize())) {
            var ranks = new ArrayList<Callable<Held>>();
            for (int r = 0; r < plan.worldSize(); r++) {
                int rank = r;
                ranks.add(() -> loadRank(plan, rank, mode, pieceBytes, opener, shm));
            }
            var all = new ArrayList<List<float[]>>();
            String digest = null;
            for (Future<Held> f : pool.invokeAll(ranks)) {
                Held held = get(f);
                all.addAll(held.byRank);
                assertThat(held.digest).isEqualTo(digest == null ? held.digest : digest);
                digest = held.digest;
            }
            return new Held(all, digest);
        }
    }

    private static Held get(Future<Held> future) throws Exception {
        try {
            return future.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Exception cause) { throw cause; }
            throw e;
        }
    }

    private static Held loadRank(ShardPlan plan, int rank, LoadMode mode, long pieceBytes, Opener opener, Path shm) {
        var config = new GroupConfig("test", 1, rank, plan.worldSize(), GroupConfig.Transport.SHM, shm, shm, List.of(), Duration.ofSeconds(20));
        try (CollectiveGroup group = CollectiveGroups.open(config, plan.sharding(), GroupConfig.Transport.SHM);
                var tensors = new RankTensors(plan, rank, OptimizerState.ADAMW);
                WeightSource source = StartingWeights.reads(rank, mode) ? opener.open(rank) : null) {
            var starting = new StartingWeights(plan, group, pieceBytes);
            String digest = starting.load(mode, source, tensors.state().weights());
            assertThat(starting.digest(tensors.state().weights())).isEqualTo(digest);
            List<float[]> held = tensors.state().parameters().stream().map(s -> s.toArray(ValueLayout.JAVA_FLOAT)).toList();
            return new Held(List.of(held), digest);
        }
    }

    private static void assertHolds(ShardPlan plan, Map<String, float[]> values, Held held) {
        for (int rank = 0; rank < plan.worldSize(); rank++) {
            for (UnitPlan unit : plan.units()) {
                float[] shard = held.byRank.get(rank).get(unit.index());
                for (int i = 0; i < unit.parameters().size(); i++) {
                    RowShard rows = unit.rowShards(rank).get(i);
                    int from = (int) (rows.firstRow() * rows.rowNumel());
                    float[] expected = Arrays.copyOfRange(values.get(unit.parameters().get(i).spec().name()), from, from + (int) rows.numel());
                    float[] actual = Arrays.copyOfRange(shard, (int) rows.shardOffset(), (int) (rows.shardOffset() + rows.numel()));
                    assertThat(actual).as("%s on rank %d of %s", unit.parameters().get(i).spec().name(), rank, plan.sharding()).isEqualTo(expected);
                }
            }
        }
    }
}
