package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What is left behind, and what goes on, when ranks are killed and jobs are cancelled.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RecoveryFaultIT {
    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;

    @BeforeAll
    void start() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, 2);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    @Test
    void shouldGoOnFromTheLastCheckpointWhenARankIsKilled() throws Exception {
        Path undisturbed = dir.resolve("undisturbed");
        Cli.run(dir, job.train(undisturbed, 16, "--coordinator", service.address(), "--world_size", "2")).ok();
        Path output = dir.resolve("killed");
        Process watching = start(output, 16);
        awaitStep(output, 6);
        ProcessHandle victim = service.ranks().getLast();
        List<ProcessHandle> both = service.ranks();
        victim.destroyForcibly();
        long killedNs = System.nanoTime();
        for (ProcessHandle p : both) { p.onExit().get(10, TimeUnit.SECONDS); }
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - killedNs)).as("ms until the whole attempt had ended").isLessThan(2000);
        assertThat(watching.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(watching.exitValue()).as(Files.readString(dir.resolve("watch.err"))).isZero();
        assertThat(TinyJob.metrics(output)).isEqualTo(TinyJob.metrics(undisturbed));
        assertThat(TinyJob.weights(output)).isEqualTo(TinyJob.weights(undisturbed));
        String jobs = Cli.run(dir, "jobs", "--json", "--coordinator", service.address()).ok().out();
        assertThat(jobs.lines().findFirst().orElseThrow()).contains("\"generation\"").contains("2");
    }

    @Test
    void shouldLeaveNothingBehindWhenCancelled() throws Exception {
        Path output = dir.resolve("cancelled");
        Process watching = start(output, 100_000);
        awaitStep(output, 3);
        List<ProcessHandle> ranks = service.ranks();
        List<Long> pids = ranks.stream().map(ProcessHandle::pid).toList();
        assertThat(ranks).hasSize(2);
        String id = service.newestJob(dir);
        Cli.run(dir, "cancel", id, "--coordinator", service.address()).ok();
        assertThat(ranks).as("no process").noneMatch(ProcessHandle::isAlive);
        assertThat(service.ranks()).isEmpty();
        try (Stream<Path> left = Files.walk(Path.of("/dev/shm"))) {
            assertThat(left.filter(p -> p.toString().contains(id))).as("no shared-memory segment").isEmpty();
        }
        assertThat(socketsOf(pids)).as("no open port").isEmpty();
        assertThat(watching.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(watching.exitValue()).isNotZero();
    }

    private static List<Long> socketsOf(List<Long> pids) {
        return pids.stream().filter(pid -> Files.exists(Path.of("/proc", Long.toString(pid), "fd"))).toList();
    }

    private Process start(Path output, int steps) throws Exception {
        return Cli.start(dir, dir.resolve("watch.out"), dir.resolve("watch.err"),
                job.train(output, steps, "--coordinator", service.address(), "--world_size", "2", "--save_total_limit", "8"));
    }

    private static void awaitStep(Path output, int step) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (TinyJob.metricsLines(output) < step) {
            if (System.nanoTime() > deadline) { throw new AssertionError("step %d was not reached".formatted(step)); }
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }
}
