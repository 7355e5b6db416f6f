package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// Storage that lies, is full or stands still. Training goes on, resuming takes the newest checkpoint that is sound, and what is said names the rank,
/// the file and what to do. Full and frozen file systems are mounted for it, which takes root; without it those tests are skipped.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CheckpointStorageFaultIT {
    private static final int STEPS = 16;
    private static final int FULL_DISK_STEPS = 120;
    private static final boolean FULL_GRID = "full".equals(System.getProperty("grid"));

    @TempDir
    static Path dir;
    private TinyJob job;
    private List<String> undisturbed;
    private byte[] undisturbedWeights;

    @BeforeAll
    void trainUndisturbed() throws Exception {
        job = TinyJob.in(dir);
        Path output = dir.resolve("undisturbed");
        Cli.run(dir, job.train(output, STEPS, "--local", "2")).ok();
        undisturbed = TinyJob.metrics(output);
        undisturbedWeights = TinyJob.weights(output);
    }

    /// The undisturbed run's directory, with checkpoints of steps 4, 8, 12 and 16, of which the last is gone: something is left to do.
    private Path finishedRun(String name) throws Exception {
        Path output = dir.resolve(name);
        copyTree(dir.resolve("undisturbed"), output);
        deleteTree(checkpoint(output, 16));
        return output;
    }

    private static Path checkpoint(Path output, int step) {
        return output.resolve("checkpoints/step-%08d".formatted(step));
    }

    private Cli.Result resume(Path output, String from) {
        return Cli.run(dir, job.train(output, STEPS, "--local", "2", "--resume_from_checkpoint", from));
    }

    private void requireSameAsUndisturbed(Path output) throws Exception {
        assertThat(TinyJob.metrics(output)).isEqualTo(undisturbed);
        assertThat(TinyJob.weights(output)).isEqualTo(undisturbedWeights);
    }

    @Test
    void shouldTakeTheOneBeforeWhenABitHasFlipped() throws Exception {
        Path output = finishedRun("flipped");
        long seed = Long.getLong("test.seed", System.nanoTime());
        Path victim = randomShardFile(checkpoint(output, 12), new Random(seed));
        flipABit(victim, new Random(seed));
        Cli.Result explicit = resume(output, checkpoint(output, 12).toString());
        assertThat(explicit.status()).as("seed=%d", seed).isEqualTo(1);
        assertThat(explicit.err() + explicit.out()).as("seed=%d", seed).contains(victim.getFileName().toString()).contains("rank")
                .contains("--resume_from_checkpoint");
        Cli.Result latest = resume(output, "true").ok();
        assertThat(latest.out() + latest.err()).as("seed=%d", seed).contains(victim.getFileName().toString()).contains("step-00000008");
        requireSameAsUndisturbed(output);
    }

    @Test
    void shouldTakeTheOneBeforeWhenAFileIsTruncatedAndAManifestIsNewer() throws Exception {
        Path output = finishedRun("truncated");
        Path manifest = checkpoint(output, 12).resolve("manifest.json");
        Files.writeString(manifest, Files.readString(manifest).replaceFirst("\"format_version\"\\s*:\\s*\\d+", "\"format_version\": 99"));
        Path shard = randomShardFile(checkpoint(output, 8), new Random(1));
        try (var file = new RandomAccessFile(shard.toFile(), "rw")) { file.setLength(file.length() / 2); }
        Cli.Result latest = resume(output, "true").ok();
        assertThat(latest.out() + latest.err()).contains("format_version=99").contains("newer").contains(shard.getFileName().toString())
                .contains("step-00000004");
        requireSameAsUndisturbed(output);
    }

    @Test
    void shouldSkipSavesThatDoNotFitAndSaveAgainWhenThereIsRoom() throws Exception {
        Path disk = dir.resolve("disk");
        Files.createDirectories(disk);
        assumeTrue(succeeds("mount", "-t", "tmpfs", "-o", "size=60m", "kintsugi-test", disk.toString()), "cannot mount");
        try {
            Path filler = disk.resolve("filler");
            fill(filler);
            Path output = dir.resolve("full");
            Process training = Cli.start(dir, dir.resolve("full.out"), dir.resolve("full.err"),
                    job.train(output, FULL_DISK_STEPS, "--local", "2", "--checkpoint_dir", disk.resolve("checkpoints").toString(),
                            "--save_total_limit", "2", "--ignore_disk_check", "True"));
            await("a save that was given up", 90, () -> said("full").contains("step-00000008"));
            Files.delete(filler);
            assertThat(training.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(training.exitValue()).as(said("full")).isZero();
            assertThat(said("full")).contains("could not write").contains("free space");
            Cli.run(dir, "checkpoint", "verify", disk.resolve("checkpoints").toString()).ok();
            assertThat(TinyJob.metricsLines(output)).as("no step was lost").isEqualTo(FULL_DISK_STEPS);
        } finally {
            succeeds("umount", disk.toString());
        }
    }

    /// For a minute with `-Dgrid=full`.
    @Test
    void shouldTrainOnWhileStorageStandsStill() throws Exception {
        Path image = dir.resolve("image");
        Path disk = dir.resolve("frozen");
        Files.createDirectories(disk);
        assumeTrue(succeeds("truncate", "-s", "200M", image.toString()) && succeeds("mkfs.ext4", "-q", image.toString())
                && succeeds("mount", "-o", "loop", image.toString(), disk.toString()), "cannot mount");
        boolean frozen = false;
        Process training = null;
        try {
            Path output = dir.resolve("stalled");
            training = Cli.start(dir, dir.resolve("stalled.out"), dir.resolve("stalled.err"),
                    job.train(output, FULL_GRID ? 3000 : 200, "--local", "2", "--checkpoint_dir", disk.resolve("checkpoints").toString(),
                            "--save_total_limit", "2"));
            await("some checkpoints", 90, () -> TinyJob.metricsLines(output) >= 10);
            frozen = succeeds("fsfreeze", "-f", disk.toString());
            assumeTrue(frozen, "cannot freeze");
            int steps = TinyJob.metricsLines(output);
            TimeUnit.SECONDS.sleep(FULL_GRID ? 60 : 4);
            assertThat(TinyJob.metricsLines(output)).as("steps while storage stood still").isGreaterThan(steps + 8);
            assertThat(training.isAlive()).as(said("stalled")).isTrue();
            frozen = !succeeds("fsfreeze", "-u", disk.toString());
            assertThat(training.waitFor(FULL_GRID ? 600 : 180, TimeUnit.SECONDS)).isTrue();
            assertThat(training.exitValue()).as(said("stalled")).isZero();
            assertThat(said("stalled")).contains("is not over");
            Cli.run(dir, "checkpoint", "verify", disk.resolve("checkpoints").toString()).ok();
        } finally {
            if (frozen) { succeeds("fsfreeze", "-u", disk.toString()); }
            if (training != null) { Cli.killAll(training); }        // a file system in use cannot be unmounted
            succeeds("umount", disk.toString());
        }
    }

    private static String said(String name) throws IOException {
        return Files.readString(dir.resolve(name + ".out")) + Files.readString(dir.resolve(name + ".err"));
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void await(String what, int seconds, Condition condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) { throw new AssertionError(what + " did not come"); }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private static boolean succeeds(String... command) throws Exception {
        try {
            return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
        } catch (IOException e) {
            return false;       // no such program here
        }
    }

    /// All that is left but some kilobytes.
    private static void fill(Path file) throws IOException {
        try (var out = Files.newOutputStream(file)) {
            byte[] zeros = new byte[64 << 10];
            while (Files.getFileStore(file).getUsableSpace() > zeros.length) { out.write(zeros); }
        }
    }

    private static Path randomShardFile(Path checkpoint, Random random) throws IOException {
        try (Stream<Path> files = Files.walk(checkpoint)) {
            List<Path> shards = new ArrayList<>(files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList());
            return shards.get(random.nextInt(shards.size()));
        }
    }

    private static void flipABit(Path path, Random random) throws IOException {
        try (var file = new RandomAccessFile(path.toFile(), "rw")) {
            long at = random.nextLong(file.length());
            file.seek(at);
            int old = file.read();
            file.seek(at);
            file.write(old ^ 1 << random.nextInt(8));
        }
    }

    private static void copyTree(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path p : files.toList()) { Files.copy(p, to.resolve(from.relativize(p).toString())); }
        }
    }

    private static void deleteTree(Path tree) throws IOException {
        try (Stream<Path> files = Files.walk(tree)) {
            for (Path p : files.sorted(java.util.Comparator.reverseOrder()).toList()) { Files.delete(p); }
        }
    }
}
