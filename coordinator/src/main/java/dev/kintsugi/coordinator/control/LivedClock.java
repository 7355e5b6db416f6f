package dev.kintsugi.coordinator.control;

import java.time.Duration;
import java.util.function.LongSupplier;

/// Time as this process lived it. A process that was stopped, or starved of a processor, heard nothing meanwhile; by this clock the
/// pause hardly took place, so nobody is found silent or late because of it. Moved by the control loop's ticks, read by it.
public final class LivedClock implements LongSupplier {
    static final long TICK_MAX_NS = Duration.ofMillis(500).toNanos();

    private long livedNs;
    private long lastNs;

    /// @param nowNs as [System#nanoTime()]
    public LivedClock(long nowNs) {
        lastNs = nowNs;
    }

    void tick(long nowNs) {
        livedNs += Math.min(nowNs - lastNs, TICK_MAX_NS);
        lastNs = nowNs;
    }

    /// Nanoseconds since this clock was made.
    @Override
    public long getAsLong() {
        return livedNs;
    }
}
