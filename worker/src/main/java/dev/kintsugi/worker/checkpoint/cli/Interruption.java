package dev.kintsugi.worker.checkpoint.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Lets a command end in order when the process is asked to end (Ctrl-C, SIGTERM): its thread is interrupted, and the process stays until what
/// it then removes is gone.
final class Interruption {
    private static final long WAIT_SECONDS = 20;

    private Interruption() {}

    /// @param left what the command leaves behind when it is cut short, for people
    static int guard(PrintWriter err, String left, Callable<Integer> command) throws Exception {
        Thread working = Thread.currentThread();
        var over = new CountDownLatch(1);
        Thread hook = Thread.ofPlatform().name("interruption").unstarted(() -> {
            working.interrupt();
            try {
                if (!over.await(WAIT_SECONDS, TimeUnit.SECONDS)) { return; }
            } catch (InterruptedException e) {
                return;
            }
            err.printf("%nkintsugi: interrupted; %s%n", left);
            err.flush();
        });
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return command.call();
        } catch (Exception e) {
            if (isEnding(hook)) { park(over); }
            throw e;
        } finally {
            over.countDown();
            isEnding(hook);
        }
    }

    /// Nobody hears of what an interrupted command failed at: the hook says that it was interrupted, and the process ends.
    private static void park(CountDownLatch over) {
        over.countDown();
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException e) {
                // The process is ending all the same.
            }
        }
    }

    private static boolean isEnding(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
            return false;
        } catch (IllegalStateException e) {
            return true;
        }
    }
}
