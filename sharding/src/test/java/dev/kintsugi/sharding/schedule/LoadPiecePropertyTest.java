package dev.kintsugi.sharding.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.RopeScaling;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ToIntFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoadPiecePropertyTest {
    static LongStream seeds() {
        long seed = Long.getLong("test.seed", System.nanoTime() & 0xffffff);
        return LongStream.range(seed, seed + 40);
    }

    @ParameterizedTest(name = "-Dtest.seed={0}")
    @MethodSource("seeds")
    void shouldBringEveryShardEachOfItsRowsOnceWithinTheBound(long seed) {
        var random = new Random(seed);
        ShardPlan plan = ShardPlanner.plan(model(random), 1 + random.nextInt(9));
        long bytesMost = 1 + random.nextInt(400);
        ToIntFunction<ParameterPlan> elementBytes = p -> p.spec().name().endsWith("0") ? 2 : 4;
        for (UnitPlan unit : plan.units()) {
            List<LoadPiece> pieces = LoadPiece.cut(unit, bytesMost, elementBytes);
            long longestRow = unit.parameters().stream().mapToLong(p -> p.spec().rowNumel() * elementBytes.applyAsInt(p)).max().orElseThrow();
            for (LoadPiece piece : pieces) {
                long[] offsets = piece.partOffsets();
                assertThat(offsets[offsets.length - 1]).isBetween(1L, Math.max(bytesMost, longestRow));
                for (int s = 0; s < plan.shardWorldSize(); s++) { assertThat(offsets[s + 1] - offsets[s]).isEqualTo(piece.partBytes(s)); }
            }
            for (int shard = 0; shard < plan.shardWorldSize(); shard++) {
                assertThat(rows(unit, shard, pieces, elementBytes)).isEqualTo(held(unit, shard));
            }
        }
    }

    /// `parameter:row`, by parameter and row; each part without gap or overlap.
    private static List<String> rows(UnitPlan unit, int shard, List<LoadPiece> pieces, ToIntFunction<ParameterPlan> elementBytes) {
        var seen = new ArrayList<String>();
        for (LoadPiece piece : pieces) {
            var at = new long[1];
            piece.forEach(shard, (parameter, firstRow, rows, offset) -> {
                assertThat(offset).isEqualTo(at[0]);
                ParameterPlan p = unit.parameters().get(parameter);
                at[0] += rows * p.spec().rowNumel() * elementBytes.applyAsInt(p);
                for (long r = firstRow; r < firstRow + rows; r++) { seen.add(parameter + ":" + r); }
            });
            assertThat(at[0]).isEqualTo(piece.partBytes(shard));
        }
        return seen;
    }

    private static List<String> held(UnitPlan unit, int shard) {
        var held = new ArrayList<String>();
        for (int i = 0; i < unit.parameters().size(); i++) {
            ParameterPlan p = unit.parameters().get(i);
            for (long r = p.firstRow(shard); r < p.firstRow(shard) + p.rows(shard); r++) { held.add(i + ":" + r); }
        }
        return held;
    }

    private static ModelSpec model(Random random) {
        var config = new LlamaConfig(24, 40, 1, 4, 2, 6, 33, 64, 1e-6, 10000, new RopeScaling.None(), false, true, false, 0.05);
        var units = new ArrayList<UnitSpec>();
        for (int u = 0; u < 2; u++) {
            var parameters = new ArrayList<ParameterSpec>();
            for (int p = 0; p < 4; p++) {
                List<Long> shape = p == 0 ? List.of(random.nextLong(1, 30)) : List.of(random.nextLong(1, 30), random.nextLong(1, 6));
                parameters.add(new ParameterSpec("u%d.p%d".formatted(u, p), shape, new InitRule.Normal(0.02), true));
            }
            units.add(new UnitSpec("u" + u, UnitSpec.Kind.BLOCK, parameters));
        }
        return new ModelSpec(ModelSpec.of(config).config(), units);
    }
}
