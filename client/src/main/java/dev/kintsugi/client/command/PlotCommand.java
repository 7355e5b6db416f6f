package dev.kintsugi.client.command;

import dev.kintsugi.client.picture.LossPicture;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Draws the loss curve of a run, running or ended.
@Command(name = "plot", sortOptions = false, description = "Draw the loss curve in a run's metrics.jsonl as a PNG picture.", footer = {
        "", "Examples:", "  kintsugi plot runs/first", "  kintsugi plot runs/first -o curve.png"})
public final class PlotCommand implements Callable<Integer> {
    @Parameters(paramLabel = "OUTPUT_DIR", description = "The run's output_dir, which holds metrics.jsonl.")
    private Path directory;

    @Option(names = {"-o", "--output"}, paramLabel = "FILE", description = "Where to; default: OUTPUT_DIR/loss.png.")
    private Path output;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() {
        Path file = output == null ? directory.resolve("loss.png") : output;
        LossPicture.draw(directory.resolve("metrics.jsonl"), file);
        System.out.println(file);
        return 0;
    }
}
