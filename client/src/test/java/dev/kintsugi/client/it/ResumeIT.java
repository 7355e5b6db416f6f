package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A run that SIGKILL ends at some step on N ranks and that is resumed on M gives the bits of a run that nothing disturbed.
/// All nine pairs with `-Dgrid=full`.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ResumeIT {
    private static final int STEPS = 24;

    @TempDir
    static Path dir;
    private TinyJob job;
    private List<String> undisturbedMetrics;
    private byte[] undisturbedWeights;

    @BeforeAll
    void trainUndisturbed() throws Exception {
        job = TinyJob.in(dir);
        Path output = dir.resolve("undisturbed");
        Cli.run(dir, job.train(output, STEPS, "--local", "2")).ok();
        undisturbedMetrics = TinyJob.metrics(output);
        undisturbedWeights = TinyJob.weights(output);
    }

    static List<int[]> pairs() {
        if ("full".equals(System.getProperty("grid"))) {
            return List.of(new int[] {1, 1}, new int[] {1, 2}, new int[] {1, 4}, new int[] {2, 1}, new int[] {2, 2}, new int[] {2, 4},
                    new int[] {4, 1}, new int[] {4, 2}, new int[] {4, 4});
        }
        return List.<int[]>of(new int[] {2, 4});
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void shouldGoOnFromTheLastCheckpointWithTheSameBits(int[] ranks) throws Exception {
        long seed = Long.getLong("test.seed", System.nanoTime());
        Path output = dir.resolve("from-%d-to-%d".formatted(ranks[0], ranks[1]));
        killAfter(5 + new Random(seed).nextInt(STEPS - 8), output, job.train(output, STEPS, "--local", Integer.toString(ranks[0])));
        assertThat(TinyJob.metricsLines(output)).as("seed=%d: killed before the end", seed).isLessThan(STEPS);
        Cli.run(dir, job.train(output, STEPS, "--local", Integer.toString(ranks[1]), "--resume_from_checkpoint", "True")).ok();
        assertThat(TinyJob.metrics(output)).as("seed=%d", seed).isEqualTo(undisturbedMetrics);
        assertThat(TinyJob.weights(output)).as("seed=%d", seed).isEqualTo(undisturbedWeights);
    }

    /// SIGKILL to the command and everything it started, once `steps` steps are in metrics.jsonl and there is a checkpoint to go on from.
    private void killAfter(int steps, Path output, List<String> arguments) throws Exception {
        Process process = Cli.start(dir, dir.resolve("killed.out"), dir.resolve("killed.err"), arguments);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (TinyJob.metricsLines(output) < steps || !TinyJob.hasCheckpoint(output)) {
            if (System.nanoTime() > deadline || !process.isAlive()) { throw new AssertionError("step %d was not reached".formatted(steps)); }
            TimeUnit.MILLISECONDS.sleep(5);
        }
        Cli.killAll(process);
    }
}
