package dev.kintsugi.client.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Everything once, on this machine.
@Command(name = "quickstart", sortOptions = false, description = "Train a small Llama on this machine, from nothing to a generated text.")
public final class QuickstartCommand implements Callable<Integer> {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() {
        return 0;
    }
}
