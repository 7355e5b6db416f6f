package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// SIGKILL of a rank, of the coordinator and of the agent before, during and after the writing of a checkpoint's shards: the job goes on by itself,
/// ends with the bits of one that nothing disturbed, and every checkpoint that exists is sound. All nine cases with `-Dgrid=full`.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CheckpointKillFaultIT {
    private static final int STEPS = 20;
    private static final int SLOTS = 2;
    /// Of the second save.
    private static final int SAVED = 8;

    @TempDir
    static Path dir;
    private TinyJob job;
    private Service service;
    private List<String> undisturbedMetrics;
    private byte[] undisturbedWeights;

    enum Victim {
        RANK, COORDINATOR, AGENT
    }

    enum Stage {
        BEFORE_SHARDS, DURING_SHARDS, BETWEEN_SHARDS_AND_MANIFEST
    }

    record Case(Victim victim, Stage stage) {}

    static Stream<Case> cases() {
        if ("full".equals(System.getProperty("grid"))) {
            return Stream.of(Victim.values()).flatMap(v -> Stream.of(Stage.values()).map(s -> new Case(v, s)));
        }
        return Stream.of(new Case(Victim.RANK, Stage.DURING_SHARDS), new Case(Victim.COORDINATOR, Stage.BETWEEN_SHARDS_AND_MANIFEST),
                new Case(Victim.AGENT, Stage.BEFORE_SHARDS));
    }

    @BeforeAll
    void start() throws Exception {
        job = TinyJob.in(dir);
        service = new Service(dir, SLOTS);
        Path output = dir.resolve("undisturbed");
        Cli.run(dir, job.train(output, STEPS, "--coordinator", service.address(), "--world_size", "2")).ok();
        undisturbedMetrics = TinyJob.metrics(output);
        undisturbedWeights = TinyJob.weights(output);
    }

    @AfterAll
    void stop() throws Exception {
        service.close();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void shouldGoOnWithTheBitsOfAnUndisturbedRun(Case c) throws Exception {
        Path output = dir.resolve(c.victim() + "-" + c.stage());
        Process watching = Cli.start(dir, dir.resolve("watch.out"), dir.resolve("watch.err"),
                job.train(output, STEPS, "--coordinator", service.address(), "--world_size", "2"));
        awaitStage(c.stage(), output);
        kill(c.victim());
        watching.waitFor(60, TimeUnit.SECONDS);
        // Who watched through the coordinator that was killed asks the next one.
        Cli.run(dir, "watch", service.newestJob(dir), "--coordinator", service.address()).ok();
        assertThat(TinyJob.metrics(output)).as("losses").isEqualTo(undisturbedMetrics);
        assertThat(TinyJob.weights(output)).as("weights").isEqualTo(undisturbedWeights);
        for (Path checkpoint : checkpoints(output)) { Cli.run(dir, "checkpoint", "verify", checkpoint.toString()).ok(); }
        assertThat(checkpoints(output)).as("checkpoints").hasSize(STEPS / 4);
    }

    private void awaitStage(Stage stage, Path output) throws Exception {
        Path saving = output.resolve("checkpoints/step-%08d".formatted(SAVED));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (!switch (stage) {
            case BEFORE_SHARDS -> TinyJob.metricsLines(output) >= SAVED - 1;
            case DURING_SHARDS -> Files.isDirectory(saving);
            case BETWEEN_SHARDS_AND_MANIFEST -> shards(saving) == 2 * 2;
        }) {
            if (System.nanoTime() > deadline) { throw new AssertionError("%s of step %d did not come".formatted(stage, SAVED)); }
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    /// Finished shard files, weights and moments, of all ranks.
    private static long shards(Path checkpoint) throws IOException {
        if (!Files.isDirectory(checkpoint)) { return 0; }
        try (Stream<Path> files = Files.walk(checkpoint)) {
            return files.filter(f -> f.toString().endsWith(".safetensors")).count();
        } catch (java.io.UncheckedIOException e) {
            return 0;       // a temporary file was renamed meanwhile
        }
    }

    private void kill(Victim victim) throws Exception {
        switch (victim) {
            case RANK -> service.ranks().getLast().destroyForcibly();
            case COORDINATOR -> service.replaceCoordinator();
            case AGENT -> service.replaceAgent(SLOTS);
        }
    }

    private static List<Path> checkpoints(Path output) throws IOException {
        try (Stream<Path> steps = Files.list(output.resolve("checkpoints"))) {
            return steps.filter(s -> Files.exists(s.resolve("manifest.json"))).sorted().toList();
        }
    }
}
