package dev.kintsugi.worker.cli;

import dev.kintsugi.worker.checkpoint.cli.CheckpointCommand;
import dev.kintsugi.worker.estimate.EstimateCommand;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.generate.EvalCommand;
import dev.kintsugi.worker.generate.GenerateCommand;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Main class of the subcommands of `kintsugi` that need tensors but no job. The launcher passes the command line on unchanged.
///
/// Exit status: 0 done, 1 it could not be done, 2 the command line is wrong; what is wrong is one sentence on standard error.
@Command(name = "kintsugi", description = "Tools for models and checkpoints.", mixinStandardHelpOptions = true,
        subcommands = {CheckpointCommand.class, EstimateCommand.class, EvalCommand.class, GenerateCommand.class})
public final class WorkerTools implements Runnable {
    @Spec
    private CommandSpec spec;

    public static void main(String[] args) {
        System.exit(run(new PrintWriter(System.out, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8), args));
    }

    /// Runs one command line; returns its exit status.
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        return new CommandLine(new WorkerTools()).setOut(out).setErr(err).setParameterExceptionHandler(WorkerTools::usageError)
                .setExecutionExceptionHandler(WorkerTools::failure).execute(args);
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "no command given");
    }

    private static int usageError(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        command.getErr().printf("kintsugi: %s; see %s --help%n", e.getMessage(), command.getCommandSpec().qualifiedName());
        return CommandLine.ExitCode.USAGE;
    }

    /// Anything but the two kinds below is a defect of ours, and then the trace is what a report needs.
    private static int failure(Exception e, CommandLine command, CommandLine.ParseResult parsed) {
        if (e instanceof CallerException || e instanceof WorldException) {
            command.getErr().println("kintsugi: " + e.getMessage());
            return CommandLine.ExitCode.SOFTWARE;
        }
        command.getErr().printf("kintsugi: %s failed because of a defect in Kintsugi (%s); report it with the output of KINTSUGI_DEBUG=1%n",
                parsed.commandSpec().qualifiedName(), e);
        if (System.getenv("KINTSUGI_DEBUG") != null) { e.printStackTrace(command.getErr()); }
        return CommandLine.ExitCode.SOFTWARE;
    }
}
