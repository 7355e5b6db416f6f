package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.collective.GroupConfig.Transport;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ShmGroupTest {
    private final TestGroups groups = new TestGroups();

    @AfterEach
    void close() {
        groups.close();
    }

    @Test
    void shouldNameTheLateRankAndWhatItLastEntered() throws Exception {
        var done = new CountDownLatch(1);
        Ranks.run(3, rank -> {
            try (var group = CollectiveGroups.open(groups.config(Transport.SHM, rank, 3, Duration.ofMillis(300)))) {
                group.barrier("start");
                if (rank == 1) {
                    done.await();
                    return null;
                }
                try {
                    assertThatThrownBy(() -> group.barrier("checkpoint")).isInstanceOf(CollectiveTimeoutException.class)
                            .hasMessageContaining("barrier checkpoint").hasMessageContaining("rank 1 last entered barrier start")
                            .hasMessageNotContaining("rank 0").hasMessageNotContaining("rank 2");
                    assertThat(group.journal().snapshot().getLast().leftNs()).isZero();
                } finally {
                    if (rank == 0) { done.countDown(); }
                }
                return null;
            }
        });
    }

    @Test
    void shouldTellPeersWhenARankLeaves() throws Exception {
        Ranks.run(2, rank -> {
            try (var group = groups.open(Transport.SHM, rank, 2)) {
                group.barrier("start");
                if (rank == 0) {
                    assertThatThrownBy(() -> group.exchange("losses", new byte[8])).isInstanceOf(PeerLostException.class)
                            .hasMessageContaining("exchange losses").hasMessageContaining("rank 1 has left");
                }
                return null;
            }
        });
    }

    @Test
    void shouldStopWhenRanksDisagreeAboutTheCollective() throws Exception {
        Ranks.run(2, rank -> {
            try (var group = groups.open(Transport.SHM, rank, 2)) {
                assertThatThrownBy(() -> group.barrier(rank == 0 ? "save" : "stop")).isInstanceOf(AssertionError.class)
                        .hasMessageContaining("same calls in the same order");
                return null;
            }
        });
    }

    @Test
    void shouldShareOneGatherBufferAndStartItZeroed() throws Exception {
        Ranks.run(3, rank -> {
            try (var group = groups.open(Transport.SHM, rank, 3)) {
                var segment = group.gatherBuffer("even", 2500, DType.F32).segment();
                assertThat(segment.address() % 64).isZero();
                assertThat(segment.get(ValueLayout.JAVA_LONG, 9_992)).isZero();
                group.barrier("looked");
                if (rank == 2) { segment.set(ValueLayout.JAVA_LONG, 9_992, 42); }
                group.barrier("written");
                assertThat(segment.get(ValueLayout.JAVA_LONG, 9_992)).isEqualTo(42);
                var gradient = group.gradientBuffer("gradient", 128).segment();
                assertThat(gradient.byteSize()).isEqualTo(512);
                assertThat(group.allocatedBytes()).isEqualTo(10_512);
                // Files are gone while the memory is in use: no way of dying can leave a segment behind.
                group.barrier("allocated");
                try (var left = Files.list(groups.shmDirectory())) {
                    assertThat(left).isEmpty();
                }
            }
            return null;
        });
    }

    @Test
    void shouldSayWhatToDoWhenThereIsNoRoom() throws Exception {
        Ranks.run(2, rank -> {
            try (var group = CollectiveGroups.open(groups.config(Transport.SHM, rank, 2, Duration.ofSeconds(5)))) {
                assertThatThrownBy(() -> group.gatherBuffer("even", 1L << 48, DType.F32)).satisfies(e -> {
                    if (rank == 0) { assertThat(e).isInstanceOf(CallerException.class).hasMessageContaining("--shm-size"); }
                    if (rank == 1) { assertThat(e).isInstanceOf(PeerLostException.class); }
                });
            }
            return null;
        });
    }

    @Test
    void shouldRefuseAnotherJobsSegment() throws Exception {
        var other = new GroupConfig("another", 1, 1, 2, Transport.SHM, groups.shmDirectory(), null, List.of(),
                Duration.ofMillis(500));
        assertThatThrownBy(() -> Ranks.run(2, rank -> {
            try (var group = CollectiveGroups
                    .open(rank == 1 ? other : groups.config(Transport.SHM, 0, 2, Duration.ofMillis(500)))) {
                return group;
            }
        })).isInstanceOf(CollectiveTimeoutException.class).hasMessageContaining("rank 1");
        assertThatThrownBy(() -> CollectiveGroups.open(other)).isInstanceOf(WorldException.class)
                .hasMessageContaining("another job");
        Files.delete(groups.shmDirectory().resolve("control-1"));
    }
}
