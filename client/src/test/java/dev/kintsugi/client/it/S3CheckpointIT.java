package dev.kintsugi.client.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Checkpoints in S3: a job that saves there, is killed and goes on from there gives the bits of one that nothing disturbed.
class S3CheckpointIT {
    private static final int STEPS = 12;

    @TempDir
    Path dir;

    @Test
    void shouldGoOnFromACheckpointInS3WithTheSameBits() throws Exception {
        TinyJob job = TinyJob.in(dir);
        Path undisturbed = dir.resolve("undisturbed");
        Cli.run(dir, job.train(undisturbed, STEPS, "--local", "2")).ok();
        try (var server = new S3Server(dir.resolve("s3"))) {
            Path checkpoints = server.createBucket("bucket").resolve("runs/a");
            Path output = dir.resolve("out");
            List<String> train = job.train(output, STEPS, "--checkpoint_dir", "s3://bucket/runs/a", "--save_total_limit", "2");
            killOnceCommitted(server, checkpoints, join(train, "--local", "2"));
            assertThat(committed(checkpoints)).as("killed before the end").doesNotContain("step-00000012");

            Cli.run(dir, server.environment(), join(train, "--local", "1", "--resume_from_checkpoint", "latest")).ok();
            assertThat(TinyJob.metrics(output)).isEqualTo(TinyJob.metrics(undisturbed));
            assertThat(output.resolve("checkpoints")).as("nothing of checkpoints is in output_dir").doesNotExist();
            assertThat(committed(checkpoints)).as("save_total_limit").containsExactly("step-00000008", "step-00000012");
            assertThat(checkpoints.resolve("step-00000012/verified.json")).exists();

            Path other = dir.resolve("other");
            Cli.run(dir, server.environment(), job.train(other, STEPS, "--local", "2", "--resume_from_checkpoint", "s3://bucket/runs/a/step-00000008")).ok();
            assertThat(TinyJob.metrics(other)).isEqualTo(TinyJob.metrics(undisturbed).subList(8, STEPS));

            Cli.run(dir, server.environment(), List.of("checkpoint", "verify", "s3://bucket/runs/a/step-00000012")).ok();
            Path export = dir.resolve("export");
            Cli.run(dir, server.environment(), List.of("checkpoint", "export", "s3://bucket/runs/a", "--output_dir", export.toString())).ok();
            assertThat(Files.readAllBytes(export.resolve("model.safetensors"))).isEqualTo(TinyJob.weights(undisturbed));
        }
    }

    private void killOnceCommitted(S3Server server, Path checkpoints, List<String> arguments) throws Exception {
        Process process = Cli.start(dir, server.environment(), dir.resolve("killed.out"), dir.resolve("killed.err"), arguments);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (committed(checkpoints).isEmpty()) {
            if (System.nanoTime() > deadline || !process.isAlive()) {
                throw new AssertionError("no checkpoint was committed%n%s".formatted(Files.readString(dir.resolve("killed.err"))));
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
        Cli.killAll(process);
    }

    private static List<String> committed(Path checkpoints) throws IOException {
        if (!Files.isDirectory(checkpoints)) { return List.of(); }
        try (Stream<Path> steps = Files.list(checkpoints)) {
            return steps.filter(s -> Files.exists(s.resolve("manifest.json"))).map(s -> s.getFileName().toString()).sorted().toList();
        }
    }

    private static List<String> join(List<String> flags, String... more) {
        return Stream.concat(flags.stream(), Stream.of(more)).toList();
    }
}
