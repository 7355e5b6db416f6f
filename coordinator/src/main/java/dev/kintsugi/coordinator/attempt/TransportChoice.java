package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.Transport;
import java.util.Collection;
import java.util.HashSet;

/// How the ranks of an attempt reach each other. Pure.
record TransportChoice(Transport transport, String reason) {
    /// @param hosts one entry a rank
    static TransportChoice decide(Transport requested, Collection<String> hosts) {
        int distinct = new HashSet<>(hosts).size();
        if (requested == Transport.SHM || requested == Transport.AERON) {
            return new TransportChoice(requested, "as requested");
        }
        return distinct <= 1 ? new TransportChoice(Transport.SHM, "all ranks are on one host")
                : new TransportChoice(Transport.AERON, "ranks are on %d hosts".formatted(distinct));
    }
}
