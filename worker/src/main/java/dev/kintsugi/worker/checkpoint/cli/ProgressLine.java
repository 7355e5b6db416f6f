package dev.kintsugi.worker.checkpoint.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;

/// How far something has come, with its rate and what is left: one line that is overwritten where standard error is a terminal, else a line now
/// and then, so that what is over soon prints none. Thread-safe.
final class ProgressLine implements AutoCloseable {
    private static final int BAR = 24;
    private static final long TERMINAL_INTERVAL_NS = 100_000_000;
    private static final long PLAIN_INTERVAL_NS = 5_000_000_000L;

    private final PrintWriter err;
    private final boolean terminal;
    private final LongSupplier clock;
    private String phase = "";
    private long beganNs;
    private long shownNs;
    private boolean dirty;

    ProgressLine(PrintWriter err) {
        this(err, isTerminal(), System::nanoTime);
    }

    /// @param clock nanoseconds
    ProgressLine(PrintWriter err, boolean terminal, LongSupplier clock) {
        this.err = err;
        this.terminal = terminal;
        this.clock = clock;
    }

    /// The launcher asks, where it costs nothing; without it both ends of the console must be a terminal.
    private static boolean isTerminal() {
        String asked = System.getenv("KINTSUGI_ERR_TERMINAL");
        return asked != null ? asked.equals("1") : System.console() != null && System.console().isTerminal();
    }

    synchronized void show(String what, long done, long total) {
        long now = clock.getAsLong();
        if (!what.equals(phase)) {
            phase = what;
            beganNs = now;
            shownNs = terminal ? now - TERMINAL_INTERVAL_NS : now;
        }
        if (now - shownNs < (terminal ? TERMINAL_INTERVAL_NS : PLAIN_INTERVAL_NS)) { return; }
        shownNs = now;
        double rate = done / Math.max(1e-9, (now - beganNs) / 1e9);
        String line = "%s %s of %s (%d%%)%s".formatted(what, ByteSize.format(done), ByteSize.format(total), total == 0 ? 100 : done * 100 / total,
                now > beganNs && done > 0 ? ", %s/s, %s left".formatted(ByteSize.format((long) rate), duration((total - done) / rate)) : "");
        if (terminal) {
            dirty = true;
            int filled = total == 0 ? BAR : (int) (done * BAR / total);
            err.printf("\r\033[K[%s%s] %s", "=".repeat(filled), " ".repeat(BAR - filled), line);
            err.flush();
        } else {
            err.println(line);
        }
    }

    static String duration(double seconds) {
        long s = (long) Math.ceil(Math.min(seconds, 1e9));
        if (s < 60) { return s + " s"; }
        return s < 3600 ? String.format(Locale.ROOT, "%d:%02d min", s / 60, s % 60) : String.format(Locale.ROOT, "%d:%02d h", s / 3600, s / 60 % 60);
    }

    /// Wipes the line.
    @Override
    public synchronized void close() {
        if (!dirty) { return; }
        err.print("\r\033[K");
        err.flush();
    }
}
