package dev.kintsugi.coordinator.membership;

import java.time.Duration;
import java.util.Optional;

/// When a peer that says nothing counts as lost. Pure.
public final class Liveness {
    /// An agent sends a heartbeat every second.
    public static final Duration AGENT_SILENCE_MAX = Duration.ofSeconds(10);
    /// A rank sends one every half second, but a loaded host may keep a whole JVM from running for a while.
    public static final Duration RANK_SILENCE_MAX = Duration.ofSeconds(30);

    private Liveness() {}

    /// @return why the peer is lost; empty while it is not
    public static Optional<String> lost(long heardNs, long nowNs, Duration silenceMax) {
        long silentNs = nowNs - heardNs;
        return silentNs <= silenceMax.toNanos() ? Optional.empty()
                : Optional.of("sent nothing for %d s".formatted(Duration.ofNanos(silentNs).toSeconds()));
    }
}
