package dev.kintsugi.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.AgentEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An agent in this process, ranks that are real processes, and a hand-written coordinator on loopback.
class AgentTest {
    @TempDir
    private Path temporary;

    private final List<Agent> agents = new ArrayList<>();
    private FakeCoordinator coordinator;
    private Path memory;

    @BeforeEach
    void start() throws IOException {
        memory = Files.createDirectory(temporary.resolve("memory"));
        coordinator = new FakeCoordinator(0);
    }

    @AfterEach
    void close() throws InterruptedException {
        agents.forEach(Agent::close);
        coordinator.close();
    }

    private CompletableFuture<Integer> agent(boolean exitWithParent) {
        var agent = new Agent(new AgentConfig("node-a", 4, "127.0.0.1", coordinator.port(), "127.0.0.1", temporary, exitWithParent,
                List.of(TestRank.class.getName()), Duration.ofSeconds(2), Duration.ofMillis(500)), memory);
        agents.add(agent);
        return CompletableFuture.supplyAsync(agent::run, r -> Thread.ofPlatform().daemon().start(r));
    }

    @Test
    void shouldRegisterStartRanksAndClearTheAttempt() throws Exception {
        var status = agent(false);
        var register = coordinator.await(AgentEvent::hasRegister).getRegister();
        assertThat(register.getAgentId()).isEqualTo("node-a");
        assertThat(register.getSlots()).isEqualTo(4);
        assertThat(register.getAddress()).isEqualTo("127.0.0.1");

        coordinator.start("job-1", 7, logs(), 0, 1);
        long pid0 = coordinator.await(AgentEvent::hasRankStarted).getRankStarted().getPid();
        var second = coordinator.await(AgentEvent::hasRankStarted).getRankStarted();
        assertThat(second.getRank()).isEqualTo(1);
        assertThat(alive(pid0)).isTrue();
        coordinator.await(AgentEvent::hasHeartbeat);
        String log = awaitLog(1, "ready");
        assertThat(log).startsWith("=== generation 7, rank 1 on node-a").contains("arenas 1")
                .contains("--coordinator 127.0.0.1:" + coordinator.port() + " --job job-1 --generation 7 --rank 1 --world_size 2 --host_id node-a "
                        + "--address 127.0.0.1 --shm_dir " + memory);
        awaitLog(0, "ready");

        coordinator.stop("job-1", 7, 5000);
        var exited = coordinator.await(AgentEvent::hasRankExited).getRankExited();
        assertThat(exited.getExitStatus()).isEqualTo(128 + 15);
        coordinator.await(AgentEvent::hasAttemptCleared);
        assertThat(alive(pid0) || alive(second.getPid())).isFalse();
        assertThat(leftInMemory()).noneMatch(p -> p.toString().contains("job-1"));

        agents.getFirst().close();
        assertThat(status.get(5, TimeUnit.SECONDS)).isZero();
        assertThat(leftInMemory()).isEmpty();
    }

    @Test
    void shouldReportHowARankDiedAndWhatItSaidLast() throws Exception {
        agent(false);
        coordinator.await(AgentEvent::hasRegister);
        coordinator.start("fails", 1, logs(), 0);
        var exited = coordinator.await(AgentEvent::hasRankExited).getRankExited();
        assertThat(exited.getExitStatus()).isEqualTo(3);
        assertThat(exited.getLastWords()).endsWith("kintsugi: the disk is full");

        coordinator.start("sleeps", 2, logs(), 0);
        long pid = coordinator.await(AgentEvent::hasRankStarted).getRankStarted().getPid();
        awaitLog(0, "ready");
        long before = System.nanoTime();
        ProcessHandle.of(pid).orElseThrow().destroyForcibly();
        exited = coordinator.await(AgentEvent::hasRankExited).getRankExited();
        assertThat(exited.getExitStatus()).isEqualTo(128 + 9);
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(2));
        assertThat(exited.getLastWords()).doesNotContain("disk is full").endsWith("ready");
    }

    @Test
    void shouldReportARankThatCannotBeStarted() throws Exception {
        agent(false);
        coordinator.await(AgentEvent::hasRegister);
        Path file = Files.createFile(temporary.resolve("file"));
        coordinator.start("job-1", 1, file.resolve("logs").toString(), 0);
        var exited = coordinator.await(AgentEvent::hasRankExited).getRankExited();
        assertThat(exited.getExitStatus()).isEqualTo(126);
        assertThat(exited.getLastWords()).contains("cannot start rank 0").contains("logs");
    }

    @Test
    void shouldKillWhatDoesNotLeaveAndClearWhatItDoesNotKnow() throws Exception {
        agent(false);
        coordinator.await(AgentEvent::hasRegister);
        coordinator.stop("never-heard-of", 3, 1000);
        assertThat(coordinator.await(AgentEvent::hasAttemptCleared).getAttemptCleared().getJobId()).isEqualTo("never-heard-of");

        coordinator.start("stubborn", 1, logs(), 0);
        awaitLog(0, "ready");
        coordinator.stop("stubborn", 1, 300);
        assertThat(coordinator.await(AgentEvent::hasRankExited).getRankExited().getExitStatus()).isEqualTo(128 + 9);
        coordinator.await(AgentEvent::hasAttemptCleared);
    }

    @Test
    void shouldStopItsRanksAndComeBackWhenTheCoordinatorRestarts() throws Exception {
        agent(false);
        coordinator.await(AgentEvent::hasRegister);
        coordinator.start("job-1", 1, logs(), 0);
        long pid = coordinator.await(AgentEvent::hasRankStarted).getRankStarted().getPid();
        awaitLog(0, "ready");
        int port = coordinator.port();
        coordinator.close();
        coordinator = new FakeCoordinator(port);
        coordinator.await(AgentEvent::hasRegister);
        assertThat(alive(pid)).isFalse();
    }

    @Test
    void shouldEndWhenTheCoordinatorIsGoneAndItExitsWithItsParent() throws Exception {
        var status = agent(true);
        coordinator.await(AgentEvent::hasRegister);
        coordinator.close();
        assertThat(status.get(15, TimeUnit.SECONDS)).isEqualTo(1);
    }

    @Test
    void shouldSweepWhatADeadAgentLeft() throws Exception {
        Process dead = new ProcessBuilder("true").start();
        dead.waitFor();
        Path left = Files.createDirectories(memory.resolve("kintsugi-agent-%d-1".formatted(dead.pid())).resolve("job-1"));
        Files.writeString(left.resolve("gather"), "segment");
        Path mine = Files.createDirectories(memory.resolve("kintsugi-agent-%d-77".formatted(ProcessHandle.current().pid())));
        Path others = Files.createDirectories(memory.resolve("kintsugi-notes"));
        assertThat(HostDirectory.sweep(memory)).containsExactly(left.getParent());
        assertThat(left.getParent()).doesNotExist();
        assertThat(mine).exists();
        assertThat(others).exists();
    }

    private String logs() {
        return temporary.resolve("logs").toString();
    }

    private static boolean alive(long pid) {
        return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
    }

    private String awaitLog(int rank, String line) throws Exception {
        Path file = Path.of(logs()).resolve("rank-%d.log".formatted(rank));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (System.nanoTime() < deadline) {
            if (Files.exists(file)) {
                String text = Files.readString(file);
                if (text.substring(text.lastIndexOf("===")).lines().anyMatch(line::equals)) { return text; }
            }
            Thread.sleep(20);
        }
        throw new AssertionError("no line '%s' in %s".formatted(line, file));
    }

    private List<Path> leftInMemory() throws IOException {
        try (Stream<Path> all = Files.walk(memory)) {
            return all.filter(p -> !p.equals(memory)).toList();
        }
    }
}
