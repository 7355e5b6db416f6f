package dev.kintsugi.worker.collective;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.worker.collective.GroupConfig.Transport;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Ranks that are processes: they agree with one rank to the bit, and notice when one of them is killed.
class GroupProcessesFaultIT {
    private final TestGroups groups = new TestGroups();
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void close() {
        processes.forEach(Process::destroyForcibly);
        groups.close();
    }

    @Test
    void shouldGiveTheSameBitsForAnyWorldSizeAndTransport() throws Exception {
        String alone = digests(Transport.SHM, 1).getFirst();
        assertThat(alone).startsWith("digest ");
        assertThat(digests(Transport.SHM, 3)).containsOnly(alone);
        assertThat(digests(Transport.AERON, 3)).containsOnly(alone);
    }

    private List<String> digests(Transport transport, int worldSize) throws Exception {
        List<Process> ranks = start(transport, worldSize, 12);
        var digests = new ArrayList<String>();
        for (Process p : ranks) { digests.add(p.inputReader().lines().filter(line -> !line.equals("working")).findFirst().orElse("nothing")); }
        for (Process p : ranks) { assertThat(p.waitFor()).isZero(); }
        return digests;
    }

    @Test
    void shouldNoticeAtOnceWhenARankIsKilled() throws Exception {
        List<Process> ranks = start(Transport.SHM, 3, 30_000_000);
        for (Process p : ranks) { assertThat(awaitLine(p)).isEqualTo("working"); }
        // Nothing to clean up, whoever dies now: the segments have no names any more.
        try (var left = Files.list(groups.shmDirectory())) { assertThat(left).isEmpty(); }
        ranks.get(1).destroyForcibly();
        long killedNs = System.nanoTime();
        for (int rank : new int[] {0, 2}) {
            assertThat(awaitLine(ranks.get(rank))).startsWith("peer_lost reduce-scatter").contains("the process of rank 1");
            assertThat(ranks.get(rank).waitFor(5, TimeUnit.SECONDS)).isTrue();
            assertThat(ranks.get(rank).exitValue()).isEqualTo(GroupProcess.PEER_LOST);
        }
        assertThat(Duration.ofNanos(System.nanoTime() - killedNs)).isLessThan(Duration.ofSeconds(2));
    }

    private static String awaitLine(Process p) throws IOException {
        BufferedReader reader = p.inputReader();
        return reader.readLine();
    }

    private List<Process> start(Transport transport, int worldSize, int microbatches) throws IOException {
        GroupConfig config = groups.config(transport, 0, worldSize, Duration.ofSeconds(20));
        var ranks = new ArrayList<Process>();
        for (int r = 0; r < worldSize; r++) {
            ranks.add(new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "-XX:+UseSerialGC",
                    "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--add-exports",
                    "java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), GroupProcess.class.getName(),
                    transport.name(), Integer.toString(r), Integer.toString(worldSize), Integer.toString(microbatches),
                    config.shmDirectory().toString(), config.aeronDirectory().toString(), String.join(",", config.dataEndpoints()))
                    .redirectError(ProcessBuilder.Redirect.INHERIT).start());
        }
        processes.addAll(ranks);
        return ranks;
    }
}
