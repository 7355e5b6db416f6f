package dev.kintsugi.client.quickstart;

import dev.kintsugi.client.service.CommandException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/// Runs commands of the launcher as a user's shell would, and shows each before it runs.
final class Shell implements AutoCloseable {
    private static final long POLL_MS = 50;
    private static final int COLUMNS = 100;

    private final PrintStream out;
    private final String launcher;
    private volatile Process running;
    private volatile boolean closed;

    Shell(PrintStream out) {
        this.out = out;
        launcher = System.getenv("KINTSUGI_LAUNCHER");
        if (launcher == null) {
            throw new CommandException("KINTSUGI_LAUNCHER is not set, so nothing can be run; run the kintsugi launcher, not java.");
        }
    }

    /// @throws CommandException when it fails; what went wrong is on standard error already
    void run(List<String> arguments) {
        int exitStatus = run(arguments, () -> false);
        if (exitStatus != 0) {
            throw new CommandException("'kintsugi %s' ended with exit status %d, so the quickstart stops here."
                    .formatted(arguments.getFirst(), exitStatus));
        }
    }

    /// Runs a command and interrupts it as soon as `enough` is true.
    ///
    /// @return its exit status: 128 + 15 when it was interrupted
    int run(List<String> arguments, BooleanSupplier enough) {
        show(arguments);
        try {
            Process process = start(arguments);
            boolean interrupted = false;
            while (process.isAlive()) {
                Thread.sleep(POLL_MS);
                if (!interrupted && enough.getAsBoolean()) {
                    interrupted = true;
                    terminate(process);
                }
            }
            if (closed) { throw new CommandException("the quickstart was interrupted."); }
            return process.exitValue();
        } catch (IOException e) {
            throw new CommandException("%s cannot be run: %s.".formatted(launcher, e.getMessage()), e);
        } catch (InterruptedException e) {
            throw new CommandException("interrupted.", e);
        } finally {
            running = null;
        }
    }

    private Process start(List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(launcher));
        command.addAll(arguments);
        // Its standard input is a pipe that ends when this process does; then it ends as well.
        ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(Redirect.INHERIT);
        // The keyboard's Ctrl-C is for this process, which passes it on once.
        builder.environment().putAll(Map.of("KINTSUGI_EXIT_WITH_PARENT", "1", "KINTSUGI_CHILD", "1", "KINTSUGI_JAVA_HOME", System.getProperty("java.home")));
        Process process = builder.start();
        running = process;
        if (closed) { terminate(process); }
        Thread.ofPlatform().daemon().start(() -> copyErrors(process));
        return process;
    }

    /// Asks it to end. The handle, as [Process#destroy] would close its standard input too, which counts as a second signal.
    private static void terminate(Process process) {
        process.toHandle().destroy();
    }

    /// The JVM's line about the vector module cannot be turned off, and says nothing to anybody here.
    private static void copyErrors(Process process) {
        try (BufferedReader lines = process.errorReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (!line.startsWith("WARNING: Using incubator modules")) { System.err.println(line); }
            }
        } catch (IOException _) {
            // The process is gone.
        }
    }

    private void show(List<String> arguments) {
        StringBuilder text = new StringBuilder("$ " + name());
        int column = text.length();
        for (int i = 0; i < arguments.size(); i++) {
            boolean flag = arguments.get(i).startsWith("--");
            String word = quoted(arguments.get(i));
            int needed = word.length() + (flag && i + 1 < arguments.size() ? arguments.get(i + 1).length() + 1 : 0);
            if (flag && column + needed > COLUMNS) {
                text.append(" \\\n     ");
                column = 5;
            }
            text.append(' ').append(word);
            column += word.length() + 1;
        }
        out.println();
        out.println(text);
        out.flush();
    }

    private String name() {
        Path here = Path.of("").toAbsolutePath();
        Path path = Path.of(launcher);
        return here.equals(path.getParent()) ? "./" + path.getFileName() : launcher;
    }

    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_./:=,@%+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    /// Ends what is running, in order: a local training takes its processes with it.
    @Override
    public void close() {
        closed = true;
        Process process = running;
        if (process != null) { terminate(process); }
    }
}
