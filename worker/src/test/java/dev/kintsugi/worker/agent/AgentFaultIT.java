package dev.kintsugi.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.AgentEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// However an agent dies, its ranks go with it.
class AgentFaultIT {
    @TempDir
    private Path temporary;

    private Path memory;
    private FakeCoordinator coordinator;
    private Process agent;

    @BeforeEach
    void start() throws Exception {
        memory = Files.createDirectory(temporary.resolve("memory"));
        coordinator = new FakeCoordinator(0);
        agent = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "-XX:+UseSerialGC",
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--add-exports",
                "java.base/jdk.internal.misc=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), AgentProcess.class.getName(),
                Integer.toString(coordinator.port()), memory.toString(), temporary.toString()).inheritIO().redirectInput(ProcessBuilder.Redirect.PIPE)
                .start();
        coordinator.await(AgentEvent::hasRegister);
    }

    @AfterEach
    void close() throws InterruptedException {
        agent.destroyForcibly();
        coordinator.close();
    }

    private ProcessHandle startRank() throws InterruptedException {
        coordinator.start("job-1", 1, temporary.resolve("logs").toString(), 0);
        return ProcessHandle.of(coordinator.await(AgentEvent::hasRankStarted).getRankStarted().getPid()).orElseThrow();
    }

    @Test
    void shouldTakeItsRanksAlongWhenKilledAndBeSweptByTheNext() throws Exception {
        ProcessHandle rank = startRank();
        awaitReady();
        agent.destroyForcibly().waitFor();
        rank.onExit().get(5, TimeUnit.SECONDS);
        assertThat(left()).isNotEmpty();
        assertThat(HostDirectory.sweep(memory)).hasSize(1);
        assertThat(left()).isEmpty();
    }

    @Test
    void shouldStopItsRanksAndCleanUpWhenAskedToEnd() throws Exception {
        ProcessHandle rank = startRank();
        awaitReady();
        agent.toHandle().destroy();
        assertThat(coordinator.await(AgentEvent::hasRankExited).getRankExited().getExitStatus()).isEqualTo(128 + 15);
        assertThat(agent.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(rank.isAlive()).isFalse();
        assertThat(left()).isEmpty();
    }

    private void awaitReady() throws Exception {
        Path log = temporary.resolve("logs/rank-0.log");
        for (int i = 0; i < 1000 && !(Files.exists(log) && Files.readString(log).contains("ready")); i++) { Thread.sleep(20); }
        assertThat(log).content().contains("ready");
    }

    private List<Path> left() throws IOException {
        try (Stream<Path> all = Files.list(memory)) {
            return all.toList();
        }
    }
}
