package dev.kintsugi.client;

import dev.kintsugi.client.command.Errors;
import dev.kintsugi.client.command.TopCommand;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;

/// The entry point of the command line. The launcher hands `coordinator`, `agent`, `checkpoint`, `estimate`, `eval` and `generate` to
/// other programs and everything else to this one.
public final class Kintsugi {
    /// Held here, as java.util.logging keeps its loggers by weak references only.
    private static final Logger GRPC = Logger.getLogger("io.grpc");

    private Kintsugi() {
    }

    public static void main(String[] arguments) {
        // What goes wrong on a channel is thrown to the command, which says it in a sentence.
        GRPC.setLevel(Level.OFF);
        System.exit(run(arguments));
    }

    /// @return the exit status
    static int run(String... arguments) {
        CommandLine line = TopCommand.commandLine();
        Errors.handle(line);
        return line.execute(TopCommand.prepare(arguments));
    }
}
