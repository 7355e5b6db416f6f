package dev.kintsugi.client.command;

import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.service.JobClient;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jline.utils.Signals;

/// Ctrl-C and its like: the first cancels the job and lets the command end in order; the second ends everything at once.
final class Interruption {
    /// Set by a command that runs this one: its end closes our standard input, which then counts as a signal.
    static final String EXIT_WITH_PARENT = "KINTSUGI_EXIT_WITH_PARENT";
    private static final int SIGHUP = 1;
    private static final int SIGINT = 2;
    private static final int SIGTERM = 15;

    private final AtomicInteger signals = new AtomicInteger();
    private volatile int exitStatus = 128 + SIGINT;
    private volatile Runnable cancel;
    private volatile Runnable kill = () -> Runtime.getRuntime().halt(exitStatus());

    private Interruption() {
    }

    static Interruption install() {
        Interruption interruption = new Interruption();
        Signals.register("INT", () -> interruption.arrived(SIGINT));
        Signals.register("TERM", () -> interruption.arrived(SIGTERM));
        Signals.register("HUP", () -> interruption.arrived(SIGHUP));
        if (System.getenv(EXIT_WITH_PARENT) != null) {
            Thread.ofPlatform().daemon().name("parent").start(interruption::awaitParentsEnd);
        }
        return interruption;
    }

    /// From now on the first signal cancels this job.
    void cancels(JobClient client, String jobId) {
        stops(() -> {
            System.err.println("\nkintsugi: cancelling the job; once more (Ctrl-C) ends it at once ...");
            cancel(client, jobId);
        });
    }

    /// From now on the first signal runs this, once.
    void stops(Runnable action) {
        cancel = action;
        if (isInterrupted()) { action.run(); }
    }

    /// What ends everything at once: on the second signal, or on the first while there is no job to cancel.
    void kills(Runnable action) {
        kill = action;
    }

    boolean isInterrupted() {
        return signals.get() > 0;
    }

    /// 128 + the first signal.
    int exitStatus() {
        return exitStatus;
    }

    private void arrived(int signal) {
        int number = signals.incrementAndGet();
        if (number == 1) { exitStatus = 128 + signal; }
        Runnable orderly = cancel;
        if (number > 1) {
            kill.run();
            Runtime.getRuntime().halt(exitStatus);
        } else if (orderly == null) {
            kill.run();
        } else {
            Thread.ofPlatform().daemon().name("cancel").start(orderly);
        }
    }

    private static void cancel(JobClient client, String jobId) {
        try {
            client.cancel(jobId);
        } catch (CommandException e) {
            // The watch may have seen the job's end first, and the command closed the client on its way out.
            if (!client.isClosed()) { System.err.println("kintsugi: " + e.getMessage()); }
        }
    }

    private void awaitParentsEnd() {
        try {
            while (System.in.read() >= 0) {
                // Nothing is said on it; only its end matters.
            }
        } catch (IOException _) {
            // As good as its end.
        }
        arrived(SIGTERM);
    }
}
