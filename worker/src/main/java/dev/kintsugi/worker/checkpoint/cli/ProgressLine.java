package dev.kintsugi.worker.checkpoint.cli;

import java.io.PrintWriter;

/// One line on a terminal, overwritten as bytes go by; nothing where standard output is not a terminal. Thread-safe.
final class ProgressLine implements AutoCloseable {
    private static final long INTERVAL_NS = 100_000_000;

    private final PrintWriter err;
    private final boolean visible = System.console() != null && System.console().isTerminal();
    private long shownNs = System.nanoTime() - INTERVAL_NS;
    private boolean dirty;

    ProgressLine(PrintWriter err) {
        this.err = err;
    }

    synchronized void show(String phase, long done, long total) {
        long now = System.nanoTime();
        if (!visible || (now - shownNs < INTERVAL_NS && done < total)) { return; }
        shownNs = now;
        dirty = true;
        err.printf("\r\033[K%s %s of %s (%d%%)", phase, ByteSize.format(done), ByteSize.format(total),
                total == 0 ? 100 : done * 100 / total);
        err.flush();
    }

    /// Wipes the line.
    @Override
    public synchronized void close() {
        if (!dirty) { return; }
        err.print("\r\033[K");
        err.flush();
    }
}
