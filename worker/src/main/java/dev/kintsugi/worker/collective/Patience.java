package dev.kintsugi.worker.collective;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/// Waiting, politely and not forever. Spins a little, then sleeps for about an eighth of the time already waited, so that a
/// wait costs little processor time and is noticed at most an eighth late; ranks often share cores. Progress extends the
/// deadline.
final class Patience {
    private static final int SPINS = 200;
    private static final int YIELDS = 20;
    private static final long SLEEP_NS_MIN = 10_000;
    private static final long SLEEP_NS_MAX = 1_000_000;

    private final long timeoutNs;
    private final int spins;

    private long sinceNs; // last progress
    private int rounds;

    /// @param ranksHere ranks that share this machine's processors
    Patience(Duration timeout, int ranksHere) {
        timeoutNs = timeout.toNanos();
        spins = ranksHere <= Runtime.getRuntime().availableProcessors() ? SPINS : 0;
    }

    /// A wait begins, or has made progress.
    void progressed() {
        sinceNs = System.nanoTime();
        rounds = 0;
    }

    /// Waits a moment.
    ///
    /// @return whether there has been progress within the timeout
    boolean rest() {
        rounds++;
        if (rounds <= spins) {
            Thread.onSpinWait();
            return true;
        }
        if (rounds <= spins + YIELDS) {
            Thread.yield();
            return true;
        }
        long waitedNs = System.nanoTime() - sinceNs;
        LockSupport.parkNanos(Math.clamp(waitedNs / 8, SLEEP_NS_MIN, SLEEP_NS_MAX));
        return waitedNs < timeoutNs;
    }

    double timeoutSeconds() {
        return timeoutNs / 1e9;
    }

    /// True once in a while, for checks that cost a system call.
    boolean worthLooking() {
        return rounds > spins + YIELDS && rounds % 64 == 0;
    }
}
