package dev.kintsugi.worker.checkpoint.cli;

import dev.kintsugi.worker.cli.WorkerTools;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/// A command line run in this process, and what it printed last.
final class CommandRun {
    private StringWriter out = new StringWriter();
    private StringWriter err = new StringWriter();

    /// Returns the exit status.
    int run(Object... args) {
        out = new StringWriter();
        err = new StringWriter();
        return WorkerTools.run(new PrintWriter(out, true), new PrintWriter(err, true), Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    String out() {
        return out.toString();
    }

    String err() {
        return err.toString();
    }
}
