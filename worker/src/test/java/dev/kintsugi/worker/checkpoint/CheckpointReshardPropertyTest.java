package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateExtent;
import dev.kintsugi.sharding.optimizer.StateOf;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointReshardPropertyTest {
    private static final List<Integer> RESUMED = List.of(1, 2, 3, 4, 5, 7, 8, 16);

    @TempDir
    Path outputDir;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 7, 16})
    void shouldRestoreEveryBitOnAnyWorldSize(int savedWorldSize) throws Exception {
        long seed = Long.getLong("test.seed", 100 + savedWorldSize);
        SavedModel model = SavedModel.random(seed);
        CheckpointReader reader = CheckpointReader.open(StoragePath.of(model.save(outputDir, savedWorldSize, 250)));
        assertThat(reader.training()).isEqualTo(SavedModel.training(250));
        for (int worldSize : RESUMED) { assertRestored(model, reader, Sharding.fullShard(worldSize)); }
    }

    static List<Sharding> strategies() {
        return List.of(Sharding.of(ShardingStrategy.NO_SHARD, 3, 1), Sharding.of(ShardingStrategy.HYBRID_SHARD, 6, 2),
                Sharding.of(ShardingStrategy.HYBRID_SHARD, 6, 3), Sharding.of(ShardingStrategy.SHARD_GRAD_OP, 4, 4), Sharding.fullShard(5));
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void shouldRestoreEveryBitUnderAnyStrategy(Sharding saved) throws Exception {
        SavedModel model = SavedModel.random(Long.getLong("test.seed", 11));
        Path directory = model.save(outputDir, saved, 250);
        try (Stream<Path> files = Files.list(directory.resolve("model"))) {
            assertThat(files.filter(f -> f.toString().endsWith(".safetensors"))).as("one copy is written").hasSize(saved.shardWorldSize());
        }
        CheckpointReader reader = CheckpointReader.open(StoragePath.of(directory));
        for (Sharding resumed : strategies()) { assertRestored(model, reader, resumed); }
    }

    /// Of every extent, for some parameters and for all.
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4})
    void shouldRestoreSlotsOfAnyShape(int savedWorldSize) throws Exception {
        SavedModel model = SavedModel.random(Long.getLong("test.seed", 200 + savedWorldSize)).with(new OptimizerState("odd", List.of(
                slot("row", DType.F32, StateExtent.ROW, StateOf.MATRICES), slot("column", DType.F32, StateExtent.COLUMN, StateOf.MATRICES),
                slot("block", DType.F32, StateExtent.ROW_BLOCK, StateOf.ALL), slot("element", DType.F32, StateExtent.ELEMENT, StateOf.VECTORS),
                slot("element", DType.U8, StateExtent.ELEMENT, StateOf.MATRICES))));
        CheckpointReader reader = CheckpointReader.open(StoragePath.of(model.save(outputDir, savedWorldSize, 250)));
        for (int worldSize : RESUMED) { assertRestored(model, reader, Sharding.fullShard(worldSize)); }
        ShardBuffers adamw = model.with(OptimizerState.ADAMW).empty(model.plan(1), 0);
        assertThatThrownBy(() -> reader.restore(adamw)).hasMessageEndingWith(" has the state of odd (row, column, block, element) and the job asks for "
                + "adamw (exp_avg, exp_avg_sq); resume with the --optim and --optim_args that it was saved with");
    }

    private static StateSlot slot(String name, DType dtype, StateExtent extent, StateOf of) {
        return new StateSlot(name, dtype, extent, of);
    }

    @Test
    void shouldKeepNothingForAnOptimizerWithoutState() throws Exception {
        SavedModel model = SavedModel.random(5).with(new OptimizerState("none", List.of()));
        CheckpointReader reader = CheckpointReader.open(StoragePath.of(model.save(outputDir, 2, 250)));
        assertRestored(model, reader, Sharding.fullShard(3));
    }

    private static void assertRestored(SavedModel model, CheckpointReader reader, Sharding resumed) {
        ShardPlan plan = model.plan(resumed);
        for (int rank = 0; rank < resumed.worldSize(); rank++) {
            ShardBuffers restored = model.empty(plan, rank);
            reader.restore(restored);
            assertSame(restored, model.filled(plan, rank), "seed=%d %d->%s rank %d".formatted(model.seed(), reader.manifest().worldSize(), resumed, rank));
        }
    }

    private static void assertSame(ShardBuffers actual, ShardBuffers expected, String what) {
        assertSame(actual.parameters(), expected.parameters(), what + " parameters");
        for (int i = 0; i < expected.slots().size(); i++) {
            assertSame(actual.slots().get(i), expected.slots().get(i), what + " " + expected.optimizer().slots().get(i));
        }
    }

    private static void assertSame(List<MemorySegment> actual, List<MemorySegment> expected, String what) {
        for (int u = 0; u < expected.size(); u++) {
            assertThat(actual.get(u).mismatch(expected.get(u))).as("%s unit %d", what, u).isEqualTo(-1);
        }
    }
}
