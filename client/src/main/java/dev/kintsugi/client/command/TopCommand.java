package dev.kintsugi.client.command;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `kintsugi` without a command, and the list of all commands.
@Command(name = "kintsugi", description = "Kintsugi: sharded training of language models, on one machine or many.", version = "kintsugi 0.1.0", sortOptions = false, commandListHeading = "%nCommands:%n", footer = {
        "", "Start here:  kintsugi quickstart     (trains a small Llama on this machine, under 10 minutes)",
        "Exit status: 0 done, 1 failed, 2 wrong command line, 130 cancelled. KINTSUGI_DEBUG=1 shows stack traces."})
public final class TopCommand implements Callable<Integer> {
    private static final int HELP_COLUMNS = 100;
    private static final int OPTION_COLUMNS = 38;

    @Spec
    private CommandSpec spec;

    @Option(names = {"-h",
            "--help"}, usageHelp = true, description = "Show this help; 'kintsugi COMMAND --help' shows a command's.")
    private boolean help;

    @Option(names = {"-V", "--version"}, versionHelp = true, description = "Show the version.")
    private boolean version;

    public static CommandLine commandLine() {
        CommandLine top = new CommandLine(new TopCommand());
        top.addSubcommand(new QuickstartCommand());
        top.addSubcommand(TrainCommand.commandLine());
        for (Object command : List.of(new SubmitCommand(), new JobsCommand(), new WatchCommand(), new CancelCommand(),
                new LogsCommand())) {
            top.addSubcommand(command);
        }
        elsewhere(top, "coordinator", "Run the service that queues jobs and commits checkpoints.");
        elsewhere(top, "agent", "Run the agent that starts ranks on this host: --slots N --coordinator HOST:PORT.");
        elsewhere(top, "checkpoint", "inspect, verify or export a checkpoint.");
        elsewhere(top, "estimate", "Memory, operations, bytes and seconds by phase of a job, before it runs.");
        elsewhere(top, "eval", "The loss and perplexity of a model on a text.");
        elsewhere(top, "generate", "Continue a prompt with a model.");
        top.addSubcommand(new PlotCommand());
        for (CommandLine line : top.getSubcommands().values()) {
            line.setUsageHelpWidth(HELP_COLUMNS).setUsageHelpLongOptionsMaxWidth(OPTION_COLUMNS);
        }
        top.setUnmatchedOptionsAllowedAsOptionParameters(false);
        top.setUsageHelpWidth(HELP_COLUMNS);
        return top;
    }

    /// @return the arguments as picocli takes them
    public static String[] prepare(String[] arguments) {
        if (arguments.length == 0 || !List.of("train", "pretrain").contains(arguments[0])) { return arguments; }
        List<String> prepared = new ArrayList<>(List.of(arguments[0]));
        prepared.addAll(FlagValues.join(Arrays.asList(arguments).subList(1, arguments.length)));
        return prepared.toArray(String[]::new);
    }

    /// A command that the launcher gives to another program, here for the list only.
    private static void elsewhere(CommandLine top, String name, String description) {
        CommandSpec command = CommandSpec.create().name(name).usageMessage(new UsageMessageSpec().description(description));
        top.addSubcommand(name, command);
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(System.out);
        return 0;
    }
}
