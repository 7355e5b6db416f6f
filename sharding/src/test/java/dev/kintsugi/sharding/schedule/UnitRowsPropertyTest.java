package dev.kintsugi.sharding.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.manifest.RandomModels;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class UnitRowsPropertyTest {
    static Stream<Sharding> shardings() {
        return IntStream.rangeClosed(1, 12).boxed().flatMap(n -> IntStream.rangeClosed(1, n).filter(s -> n % s == 0)
                .mapToObj(s -> Sharding.of(ShardingStrategy.HYBRID_SHARD, n, s)));
    }

    @ParameterizedTest
    @MethodSource("shardings")
    void shouldLetEveryElementOfAShardBeSummedByOneOfItsHolders(Sharding sharding) {
        long seed = Long.getLong("test.seed", 90 + sharding.worldSize());
        ShardPlan plan = ShardPlanner.plan(RandomModels.next(new Random(seed)), sharding);
        for (UnitPlan unit : plan.units()) {
            UnitRows rows = UnitRows.of(unit, sharding.worldSize());
            for (int shard = 0; shard < sharding.shardWorldSize(); shard++) {
                long summed = 0;
                for (int rank = shard; rank < sharding.worldSize(); rank += sharding.shardWorldSize()) {
                    assertThat(rows.summedFrom(rank)).as("seed=%d rank %d of %s", seed, rank, sharding).isEqualTo(summed);
                    summed = rows.summedTo(rank);
                }
                assertThat(summed).isEqualTo(unit.shardNumel(shard));
            }
        }
    }
}
