package dev.kintsugi.worker.optim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.worker.kernel.cpu.CpuKernels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Weights and states after updates on any number of ranks, gone on with on any other, have the bits of one rank's.
class OptimizerWorldSizePropertyTest {
    private static final List<Sharding> SHARDINGS = List.of(Sharding.fullShard(2), Sharding.fullShard(3), Sharding.fullShard(5), Sharding.fullShard(8),
            Sharding.of(ShardingStrategy.NO_SHARD, 3, 1), Sharding.of(ShardingStrategy.HYBRID_SHARD, 6, 3));

    static Stream<String> cases() {
        return OptimizerConformanceTest.CASES.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldGiveTheBitsOfOneRank(String name) throws Exception {
        long seed = Long.getLong("test.seed", name.hashCode());
        var random = new Random(seed);
        var trial = new OptimizerTrial(parameters(random), OptimizerConformanceTest.CASES.get(name), CpuKernels.open());
        Map<String, byte[]> expected = trial.run(Sharding.fullShard(1), Map.of(), 1, 4);
        for (Sharding first : SHARDINGS) {
            Sharding then = SHARDINGS.get(random.nextInt(SHARDINGS.size()));
            Map<String, byte[]> actual = trial.run(then, trial.run(first, Map.of(), 1, 2), 3, 4);
            assertThat(actual.keySet()).isEqualTo(expected.keySet());
            for (String tensor : expected.keySet()) {
                assertThat(actual.get(tensor)).as("%s of %s, %s then %s, seed=%d", tensor, trial.parameters(), first, then, seed)
                        .isEqualTo(expected.get(tensor));
            }
        }
    }

    /// Rows that do not divide and fewer than ranks, blocks that do not divide, and a matrix large enough for 8 bits.
    private static List<ParameterSpec> parameters(Random random) {
        var all = new ArrayList<>(List.of(OptimizerTrial.parameter("large", true, 3 + random.nextInt(9), 1400 + random.nextInt(300))));
        for (int i = 0; i < 5; i++) {
            long rows = 1 + random.nextInt(20);
            all.add(random.nextInt(3) == 0 ? OptimizerTrial.parameter("p" + i, false, rows)
                    : OptimizerTrial.parameter("p" + i, true, rows, 1 + random.nextInt(40)));
        }
        return all;
    }
}
