package dev.kintsugi.worker.checkpoint.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `kintsugi checkpoint`: only its subcommands do anything.
@Command(name = "checkpoint", description = "List, look into, verify, compare, export and prune sharded checkpoints.",
        subcommands = {ListCommand.class, InspectCommand.class, VerifyCommand.class, DiffCommand.class, ExportCommand.class, PruneCommand.class},
        footer = {"", "DIR is a checkpoint, or an output_dir or its directory of checkpoints: then the newest committed checkpoint in it.",
                "Every DIR may be s3://bucket/prefix; endpoint and credentials come from the AWS SDK's environment variables and files.", "",
                "Examples:", "  kintsugi checkpoint list out", "  kintsugi checkpoint verify s3://models/run-7/checkpoints/step-00000250"})
public final class CheckpointCommand implements Runnable {
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "checkpoint needs a subcommand: list, inspect, verify, diff, export or prune");
    }
}
