package dev.kintsugi.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
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
        CheckpointReader reader = CheckpointReader.open(model.save(outputDir, savedWorldSize, 250));
        assertThat(reader.training()).isEqualTo(SavedModel.training(250));
        for (int worldSize : RESUMED) {
            ShardPlan plan = model.plan(worldSize);
            for (int rank = 0; rank < worldSize; rank++) {
                ShardBuffers restored = model.empty(plan, rank);
                reader.restore(restored);
                assertSame(restored, model.filled(plan, rank), "seed=%d %d->%d rank %d".formatted(seed, savedWorldSize, worldSize, rank));
            }
        }
    }

    private static void assertSame(ShardBuffers actual, ShardBuffers expected, String what) {
        assertSame(actual.parameters(), expected.parameters(), what + " parameters");
        assertSame(actual.expAvg(), expected.expAvg(), what + " exp_avg");
        assertSame(actual.expAvgSq(), expected.expAvgSq(), what + " exp_avg_sq");
    }

    private static void assertSame(List<MemorySegment> actual, List<MemorySegment> expected, String what) {
        for (int u = 0; u < expected.size(); u++) {
            assertThat(actual.get(u).mismatch(expected.get(u))).as("%s unit %d", what, u).isEqualTo(-1);
        }
    }
}
