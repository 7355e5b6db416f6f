package dev.kintsugi.worker.fsdp;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/// Where a step's time goes on this rank, wall clock. One phase runs at a time; entering one ends the one before. One thread.
public final class PhaseClock {
    /// The waits are those for other ranks; gather and scatter are this rank's own work on its rows. Checkpoint is what saving takes from this thread:
    /// to begin a snapshot, and to copy what the update would change before it was copied elsewhere.
    public enum Phase {
        DATA, GATHER, GATHER_WAIT, FORWARD, LOSS, BACKWARD, SCATTER, SCATTER_WAIT, NORM, OPTIMIZER, CHECKPOINT;

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

    /// Counts a part of the present phase's time to another one.
    public void move(Phase to, long ns) {
        nanoseconds.merge(current, -ns, Long::sum);
        nanoseconds.merge(to, ns, Long::sum);
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
