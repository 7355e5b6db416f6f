package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(name = "inspect",
        description = "Show what a checkpoint holds: step, ranks, tensors, shards, sizes. Reads the manifest only.",
        footer = {"", "Examples:", "  kintsugi checkpoint inspect out",
                "  kintsugi checkpoint inspect out/checkpoints/step-00000250 --json"})
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "A checkpoint, a checkpoints directory or an output_dir.")
    private Path dir;

    @Option(names = "--json", description = "Print one JSON object instead of tables.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        var report = new InspectReport(CheckpointDirectory.find(StoragePath.of(dir)));
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(report.json());
        } else {
            report.lines().forEach(out::println);
        }
        out.flush();
        return 0;
    }
}
