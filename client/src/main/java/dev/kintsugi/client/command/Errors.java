package dev.kintsugi.client.command;

import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.spec.Nearest;
import dev.kintsugi.client.spec.UsageException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// How every command fails: one sentence on standard error; exit status 2 for a wrong command line or job file and 1 for all else.
/// KINTSUGI_DEBUG=1 adds the stack trace.
public final class Errors {
    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private Errors() {
    }

    public static void handle(CommandLine line) {
        line.setParameterExceptionHandler((e, _) -> usage(e));
        line.setExecutionExceptionHandler((e, _, _) -> failure(e));
    }

    private static int usage(ParameterException e) {
        // A setter's own refusal arrives wrapped.
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof UsageException refusal) { return say(refusal.getMessage(), e, USAGE); }
        }
        return say(sentence(e), e, USAGE);
    }

    private static String sentence(ParameterException e) {
        CommandLine line = e.getCommandLine();
        String command = line.getCommandSpec().qualifiedName();
        String help = "; '%s --help' shows what there is.".formatted(command);
        if (e instanceof UnmatchedArgumentException unmatched) {
            String word = unmatched.getUnmatched().getFirst();
            boolean flag = word.startsWith("-");
            String name = flag ? word.replaceFirst("=.*", "") : word;
            List<String> known = flag ? flags(line) : List.copyOf(line.getSubcommands().keySet());
            String hint = Nearest.hint(name, known);
            String kind = flag ? "flag" : known.isEmpty() ? "argument" : "command";
            return "unknown %s %s of '%s'%s".formatted(kind, name, command, hint.isEmpty() ? help : hint);
        }
        if (e instanceof MissingParameterException missing) {
            return "%s of '%s' is missing%s".formatted(String.join(", ", missing.getMissing().stream()
                    .map(argument -> argument.isOption()
                            ? "the value of " + ((CommandLine.Model.OptionSpec) argument).longestName()
                            : argument.paramLabel())
                    .toList()), command, help);
        }
        return e.getMessage().lines().findFirst().orElse("the command line is wrong") + help;
    }

    private static List<String> flags(CommandLine line) {
        List<String> names = new ArrayList<>();
        line.getCommandSpec().options().forEach(option -> names.addAll(List.of(option.names())));
        return names;
    }

    private static int failure(Exception e) {
        return switch (e) {
            case UsageException usage -> say(usage.getMessage(), e, USAGE);
            case CommandException failed -> say(failed.getMessage(), e, FAILED);
            default ->
                say("this should not have happened: %s; run again with KINTSUGI_DEBUG=1 and report the trace.".formatted(e), e,
                        FAILED);
        };
    }

    private static int say(String sentence, Exception e, int exitStatus) {
        System.err.println("kintsugi: " + sentence);
        if ("1".equals(System.getenv("KINTSUGI_DEBUG"))) { e.printStackTrace(); }
        return exitStatus;
    }
}
