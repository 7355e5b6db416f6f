package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(name = "inspect",
        description = {"Show what a checkpoint holds: step, when and by which version it was written, tensors, shards, sizes, files.",
                "Reads the manifest and the files' sizes; tensors only for --digests."},
        footer = {"", "Examples:", "  kintsugi checkpoint inspect out", "  kintsugi checkpoint inspect out --tensor '*.q_proj.weight'",
                "  kintsugi checkpoint inspect out/checkpoints/step-00000250 --digests --json"})
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", converter = Location.class, description = "A checkpoint, a directory of checkpoints or an output_dir.")
    private StoragePath dir;

    @Option(names = "--tensor", defaultValue = "", paramLabel = "NAME",
            description = "Only tensors whose name has NAME in it, or matches it where it has * or ?; and which file and rank has which of their rows.")
    private String tensor;

    @Option(names = "--digests", description = "Read the tensors, and show the CRC-32C of each as a whole: equal for every cut.")
    private boolean digests;

    @Option(names = "--json", description = "Print one JSON object instead of tables.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        PrintWriter err = spec.commandLine().getErr();
        return Interruption.guard(err, "nothing was changed", () -> inspect(err));
    }

    private int inspect(PrintWriter err) {
        CheckpointDirectory checkpoint = CheckpointDirectory.find(dir);
        var selection = new TensorSelection(checkpoint.manifest(), tensor);
        InspectReport report;
        try (var progress = new ProgressLine(err)) {
            report = InspectReport.of(checkpoint, selection, digests ? TensorDigests.of(checkpoint, selection, progress) : TensorDigests.NONE);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(report.json());
        } else {
            report.lines().forEach(out::println);
        }
        return 0;
    }
}
