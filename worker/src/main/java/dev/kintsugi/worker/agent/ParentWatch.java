package dev.kintsugi.worker.agent;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/// Ends this process when its parent is gone, however the parent died: the parent holds the other end of a pipe, and the kernel
/// closes it.
public final class ParentWatch {
    private static final Duration EXIT_AT_MOST = Duration.ofSeconds(10);

    private ParentWatch() {}

    /// Reads `in` on a thread of its own until it ends, then exits with `status`. What arrives is ignored.
    public static void exitOnEof(InputStream in, int status) {
        Thread.ofPlatform().daemon().name("parent-watch").start(() -> {
            drain(in);
            exit(status);
        });
    }

    private static void drain(InputStream in) {
        byte[] ignored = new byte[256];
        try {
            while (in.read(ignored) >= 0) {
                Thread.onSpinWait();
            }
        } catch (IOException _) {
            // A broken pipe is as final as its end.
        }
    }

    /// Exits in an orderly way, but surely: a shutdown hook that hangs is cut off.
    private static void exit(int status) {
        Thread.ofPlatform().daemon().name("parent-watch-halt").start(() -> {
            try {
                Thread.sleep(EXIT_AT_MOST);
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(status);
        });
        Runtime.getRuntime().exit(status);
    }
}
