package dev.kintsugi.client.command;

import dev.kintsugi.client.quickstart.Quickstart;
import dev.kintsugi.client.quickstart.QuickstartPlan;
import dev.kintsugi.client.service.CommandException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Everything once, on this machine.
@Command(name = "quickstart", sortOptions = false,
        description = "Train a small Llama on this machine, from nothing to a generated text, showing each command.",
        footer = {"", "Examples:", "  kintsugi quickstart", "  kintsugi quickstart --ranks 4 --steps 800 --output_dir /data/first"})
public final class QuickstartCommand implements Callable<Integer> {
    @Option(names = "--steps", paramLabel = "N", defaultValue = "400", description = "Optimizer steps; default 400.")
    private int steps;

    @Option(names = "--ranks", paramLabel = "N", defaultValue = "2", description = "Processes that share the model; default 2.")
    private int ranks;

    @Option(names = "--output_dir", paramLabel = "DIR", defaultValue = "kintsugi-quickstart",
            description = "Where everything goes; default ./kintsugi-quickstart.")
    private Path directory;

    @Option(names = "--overwrite", description = "Delete an earlier quickstart in the same directory first.")
    private boolean overwrite;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() {
        Quickstart quickstart = new Quickstart(new QuickstartPlan(steps, ranks), directory.normalize(), System.out);
        Interruption interruption = Interruption.install();
        interruption.stops(quickstart::stop);
        try {
            quickstart.run(overwrite);
            return 0;
        } catch (CommandException e) {
            if (interruption.isInterrupted()) { return interruption.exitStatus(); }
            throw e;
        }
    }
}
