package dev.kintsugi.client.local;

import dev.kintsugi.client.service.CommandException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// A process started through the launcher. It reads its standard input only to learn, at its end, that this process is gone: the
/// operating system closes the pipe even after SIGKILL.
final class Child {
    /// Exit statuses above this are a signal's number more.
    private static final int SIGNALLED = 128;
    private static final Duration GRACE = Duration.ofSeconds(15);

    private final String name;
    private final Process process;
    private final ChildLog log = new ChildLog();
    private final Thread reader;

    private Child(String name, Process process) {
        this.name = name;
        this.process = process;
        reader = Thread.ofPlatform().daemon().name("log of the " + name).start(this::copyOutput);
    }

    /// @param arguments after the launcher; the first is the command
    /// @throws CommandException when it cannot be started
    static Child start(List<String> arguments) {
        String launcher = System.getenv("KINTSUGI_LAUNCHER");
        if (launcher == null) {
            throw new CommandException(
                    "KINTSUGI_LAUNCHER is not set, so no process can be started; run the kintsugi launcher, not java.");
        }
        List<String> command = new ArrayList<>();
        command.add(launcher);
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // The same JDK, without a second search; and the keyboard's Ctrl-C is for this process alone.
        builder.environment().putAll(Map.of("KINTSUGI_CHILD", "1", "KINTSUGI_JAVA_HOME", System.getProperty("java.home")));
        try {
            return new Child(arguments.getFirst(), builder.start());
        } catch (IOException e) {
            throw new CommandException("the %s could not be started: %s.".formatted(arguments.getFirst(), e.getMessage()), e);
        }
    }

    private void copyOutput() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                log.add(line);
            }
        } catch (IOException _) {
            // The process is gone and its pipe with it: what was read is what there is.
        }
    }

    /// From now on, and for what it has written so far, keep a log file.
    void logTo(Path file) {
        log.open(file);
    }

    boolean isAlive() {
        return process.isAlive();
    }

    void whenGone(Runnable action) {
        var _ = process.onExit().thenRun(action);
    }

    /// Why it is gone, in its own words.
    CommandException death() {
        try {
            reader.join(Duration.ofSeconds(2));
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        int exitStatus = process.exitValue();
        String words = log.lastWords();
        if (exitStatus > SIGNALLED) {
            return new CommandException("the %s was killed by signal %d, and the job with it; --resume_from_checkpoint True goes on from its "
                    .formatted(name, exitStatus - SIGNALLED) + "newest checkpoint.");
        }
        return new CommandException(words.isEmpty()
                ? "the %s ended by itself with exit status %d and said nothing; run again with KINTSUGI_DEBUG=1.".formatted(name, exitStatus)
                : words);
    }

    /// Returns when it is gone: by itself once its standard input has ended, or killed when it takes too long.
    void stop() {
        try {
            process.getOutputStream().close();
        } catch (IOException _) {
            // It is gone already.
        }
        try {
            if (!process.waitFor(GRACE.toMillis(), TimeUnit.MILLISECONDS)) { process.destroy(); }
            if (!process.waitFor(2, TimeUnit.SECONDS)) { kill(); }
            process.waitFor();
            reader.join(Duration.ofSeconds(2));
        } catch (InterruptedException _) {
            kill();
            Thread.currentThread().interrupt();
        }
        log.close();
    }

    /// Kills it and what it started, at once.
    void kill() {
        List<ProcessHandle> family = process.descendants().toList();
        process.destroyForcibly();
        family.forEach(ProcessHandle::destroyForcibly);
    }
}
