package dev.kintsugi.worker.checkpoint.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `kintsugi checkpoint`: only its subcommands do anything.
@Command(name = "checkpoint", description = "Look into, verify and export sharded checkpoints.",
        subcommands = {InspectCommand.class, VerifyCommand.class, ExportCommand.class},
        footer = {"", "DIR is a checkpoint, or an output_dir or its checkpoints directory: then the newest committed checkpoint in it."})
public final class CheckpointCommand implements Runnable {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "checkpoint needs a subcommand: inspect, verify or export");
    }
}
