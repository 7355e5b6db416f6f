package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import dev.kintsugi.worker.failure.WorldException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AeronGroupTest {
    private final TestGroups groups = new TestGroups();

    @AfterEach
    void close() {
        groups.close();
    }

    /// 64 KiB terms hold 30 messages or so of a transfer of hundreds: every rank is held back by every other, all the time.
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void shouldNotDeadlockWhenUnitsAreMuchLargerThanBuffers(int worldSize) throws Exception {
        UnitPlan unit = unit(worldSize, 1 << 20);
        var tiny = new AeronSettings(64 << 10, 1408);
        Ranks.run(worldSize, rank -> {
            try (var group = AeronGroup.open(groups.config(Transport.AERON, rank, worldSize, Duration.ofSeconds(20)), tiny);
                    var arena = Arena.ofShared()) {
                var gradient = group.gradientBuffer("gradient", unit.unshardedNumel());
                var accumulator = arena.allocate(4 * unit.shardNumel(rank), 64);
                var full = group.gatherBuffer("full", unit.unshardedNumel(), DType.F32);
                for (long i = 0; i < 1 << 20; i++) { gradient.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, rank + (float) (i % 1000)); }
                // Rank 0 is late, and last to be heard: its stream is the one that all take first.
                if (rank == 0) { Thread.sleep(100); }
                group.reduceScatter(unit, gradient, accumulator);
                group.allGather(unit, accumulator, full);
                for (long i = 0; i < 1 << 20; i += 997) {
                    float expected = worldSize * (float) (i % 1000) + worldSize * (worldSize - 1) / 2f;
                    assertThat(full.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(expected);
                }
                group.barrier("done");
            }
            return null;
        });
    }

    private static UnitPlan unit(int worldSize, long numel) {
        var parameter = new ParameterSpec("w", List.of(1024L, numel / 1024), new InitRule.Constant(0), true);
        return ShardPlanner.plan(new ModelSpec(null, List.of(new UnitSpec("w", UnitSpec.Kind.BLOCK, List.of(parameter)))), worldSize).units().getFirst();
    }

    @Test
    void shouldNameTheLateRank() throws Exception {
        var done = new CountDownLatch(2);
        Ranks.run(3, rank -> {
            try (var group = CollectiveGroups.open(groups.config(Transport.AERON, rank, 3, Duration.ofSeconds(3)))) {
                group.barrier("start");
                if (rank == 1) {
                    done.await();
                    return null;
                }
                try {
                    assertThatThrownBy(() -> group.exchange("losses", new byte[100])).isInstanceOf(CollectiveTimeoutException.class)
                            .hasMessageContaining("exchange losses").hasMessageContaining("rank 1 has sent nothing")
                            .hasMessageNotContaining("rank 0").hasMessageNotContaining("rank 2");
                } finally {
                    done.countDown();
                }
                done.await();
                return null;
            }
        });
    }

    @Test
    void shouldTellPeersWhenARankLeaves() throws Exception {
        Ranks.run(2, rank -> {
            try (var group = CollectiveGroups.open(groups.config(Transport.AERON, rank, 2, Duration.ofSeconds(30)))) {
                group.barrier("start");
                if (rank == 0) {
                    assertThatThrownBy(() -> group.barrier("checkpoint")).isInstanceOf(PeerLostException.class)
                            .hasMessageContaining("barrier checkpoint").hasMessageContaining("rank 1");
                }
                return null;
            }
        });
    }

    @Test
    void shouldStopWhenRanksDisagreeAboutTheCollective() throws Exception {
        var seen = new CountDownLatch(2);
        Ranks.run(2, rank -> {
            try (var group = groups.open(Transport.AERON, rank, 2)) {
                assertThatThrownBy(() -> group.barrier(rank == 0 ? "save" : "stop")).isInstanceOf(AssertionError.class)
                        .hasMessageContaining("same calls in the same order");
                seen.countDown();
                seen.await();
                return null;
            }
        });
    }

    /// Two generations of a job on the same ports at the same time: neither hears the other.
    @Test
    void shouldKeepGenerationsApart() throws Exception {
        Ranks.run(4, i -> {
            int rank = i % 2;
            GroupConfig first = groups.config(Transport.AERON, rank, 2, Duration.ofSeconds(20));
            var config = new GroupConfig("job", i < 2 ? 1 : 2, rank, 2, Transport.AERON, first.shmDirectory(), first.aeronDirectory(),
                    first.dataEndpoints(), first.timeout());
            try (var group = CollectiveGroups.open(config)) {
                for (int n = 0; n < 20; n++) {
                    var all = group.exchange("generation", (config.generation() + "/" + rank).getBytes(StandardCharsets.UTF_8));
                    assertThat(all).extracting(b -> new String(b, StandardCharsets.UTF_8))
                            .containsExactly(config.generation() + "/0", config.generation() + "/1");
                }
                group.barrier("done");
            }
            return null;
        });
    }

    @Test
    void shouldSayThatThereIsNoMediaDriver() {
        var config = new GroupConfig("job", 1, 0, 2, Transport.AERON, null, Path.of("/dev/shm/no-such-driver"),
                List.of("127.0.0.1:9", "127.0.0.1:10"), Duration.ofSeconds(1));
        assertThatThrownBy(() -> CollectiveGroups.open(config)).isInstanceOf(WorldException.class).hasMessageContaining("no media driver in /dev/shm");
    }
}
