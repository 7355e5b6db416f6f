package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReplicatedGroupTest {
    private static final Sharding TWO_COPIES = Sharding.of(ShardingStrategy.HYBRID_SHARD, 4, 2);

    private final TestGroups groups = new TestGroups();

    @AfterEach
    void close() {
        groups.close();
    }

    /// Even ranks begin a gather that must wait for odd ones, and wait for the whole world; odd ranks wait for that gather first.
    @ParameterizedTest
    @EnumSource
    void shouldGoOnWithAGatherWhileItWaitsForTheWorld(Transport transport) throws Exception {
        ShardPlan plan = ShardPlanner.plan(RandomModel.of(new Random(5)), TWO_COPIES);
        UnitPlan unit = plan.units().getFirst();
        var begun = new CountDownLatch(2);
        Ranks.run(4, rank -> {
            try (var group = groups.open(transport, rank, TWO_COPIES, Transport.SHM); var arena = Arena.ofConfined()) {
                var full = group.gatherBuffer("full", unit.unshardedNumel(), DType.F32);
                MemorySegment shard = arena.allocate(4 * Math.max(1, unit.shardNumel(rank)), 64);
                ModelValues.fillShard(unit, rank, 1, shard);
                group.allGather(unit, shard, full);
                if (rank % 2 == 1) { begun.await(); }
                ModelValues.assertUnsharded(unit, 1, full);
                ModelValues.fillShard(unit, rank, 2, shard);
                group.beginAllGather(unit, shard, full);
                begun.countDown();
                if (rank % 2 == 1) { group.awaitAllGather(full); }
                group.barrier("all");
                if (rank % 2 == 0) { group.awaitAllGather(full); }
                ModelValues.assertUnsharded(unit, 2, full);
                assertThat(group.journal().snapshot()).extracting(Journal.Entry::kind).contains("all-gather", "barrier");
            }
            return null;
        });
    }
}
