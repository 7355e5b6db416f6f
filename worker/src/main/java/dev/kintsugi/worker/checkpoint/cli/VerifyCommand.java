package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.CheckpointVerifier;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(name = "verify",
        description = {"Read every file of a checkpoint and compare its size, SHA-256 and tensors with the manifest.",
                "Exit status 1 if any is bad."},
        footer = {"", "Example:", "  kintsugi checkpoint verify out/checkpoints/step-00000250"})
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "A checkpoint, a checkpoints directory or an output_dir.")
    private Path dir;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        CheckpointDirectory checkpoint = CheckpointDirectory.find(StoragePath.of(dir));
        Manifest m = checkpoint.manifest();
        PrintWriter err = spec.commandLine().getErr();
        List<String> problems;
        try (var progress = new ProgressLine(err)) {
            problems = CheckpointVerifier.verify(checkpoint, Runtime.getRuntime().availableProcessors(),
                    done -> progress.show("verifying", done, m.bytes()));
        }
        problems.forEach(p -> err.println("kintsugi: " + p));
        if (!problems.isEmpty()) { return 1; }
        spec.commandLine().getOut().printf("%s: step %d is sound (%d files, %s)%n", checkpoint.path(), m.step(), m.files().size(),
                ByteSize.format(m.bytes()));
        return 0;
    }
}
