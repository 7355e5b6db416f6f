package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointDirectory;
import dev.kintsugi.worker.checkpoint.diff.FieldDiff;
import dev.kintsugi.worker.checkpoint.diff.TensorDiff;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(name = "diff",
        description = {"Compare two checkpoints, however each is cut: weights and moments bit for bit, position, seed, job and model config.",
                "Exit status 0 if all tensors are equal, 1 if any differs."},
        footer = {"", "Examples:", "  kintsugi checkpoint diff out/checkpoints/step-00000250 out/checkpoints/step-00000500",
                "  kintsugi checkpoint diff on-two-ranks on-three-ranks --json"})
final class DiffCommand implements Callable<Integer> {
    @Parameters(paramLabel = "A", converter = Location.class, description = "A checkpoint, or the directory whose newest one is meant.")
    private StoragePath a;

    @Parameters(paramLabel = "B", converter = Location.class, description = "The other one.")
    private StoragePath b;

    @Option(names = "--json", description = "Print one JSON object instead of tables.")
    private boolean json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        PrintWriter err = spec.commandLine().getErr();
        return Interruption.guard(err, "nothing was changed", () -> {
            DiffReport report = compare(CheckpointDirectory.find(a), CheckpointDirectory.find(b), err);
            PrintWriter out = spec.commandLine().getOut();
            if (json) {
                out.println(report.json());
            } else {
                report.lines().forEach(out::println);
            }
            return report.tensorsEqual() ? 0 : 1;
        });
    }

    private static DiffReport compare(CheckpointDirectory inA, CheckpointDirectory inB, PrintWriter err) throws InterruptedException {
        long total = TensorDiff.bytes(inA, inB);
        try (var progress = new ProgressLine(err)) {
            return new DiffReport(inA, inB, FieldDiff.of(inA.manifest(), inB.manifest()),
                    TensorDiff.of(inA, inB, Runtime.getRuntime().availableProcessors(), done -> progress.show("comparing", done, total)));
        }
    }
}
