package dev.kintsugi.worker.fsdp;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/// Where a step's time goes on this rank, wall clock. One phase runs at a time; entering one ends the one before. One thread.
public final class PhaseClock {
    /// Collectives include waiting for other ranks.
    public enum Phase {
        DATA, GATHER, FORWARD, LOSS, BACKWARD, SCATTER, NORM, OPTIMIZER;

        /// As metrics have it.
        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Map<Phase, Long> nanoseconds = new EnumMap<>(Phase.class);
    private Phase current;
    private long sinceNs;

    /// Forgets the step before.
    public void begin() {
        for (Phase p : Phase.values()) { nanoseconds.put(p, 0L); }
        current = null;
    }

    public void enter(Phase phase) {
        long now = System.nanoTime();
        stop(now);
        current = phase;
        sinceNs = now;
    }

    public void end() {
        stop(System.nanoTime());
        current = null;
    }

    private void stop(long now) {
        if (current != null) { nanoseconds.merge(current, now - sinceNs, Long::sum); }
    }

    public double seconds(Phase phase) {
        return nanoseconds.getOrDefault(phase, 0L) / 1e9;
    }
}
