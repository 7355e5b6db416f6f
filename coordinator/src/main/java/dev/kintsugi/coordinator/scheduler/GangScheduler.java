package dev.kintsugi.coordinator.scheduler;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// Places all ranks of a job at once, or none. Pure.
public final class GangScheduler {
    /// Free slots of one host; a host whose slots are promised twice over has none.
    public record Host(String agentId, int freeSlots) {
        public Host {
            freeSlots = Math.max(0, freeSlots);
        }
    }

    /// Consecutive ranks on one host.
    public record Share(String agentId, List<Integer> ranks) {
        public Share {
            ranks = List.copyOf(ranks);
        }
    }

    public sealed interface Verdict {
        /// For the log and the status page.
        String reason();
    }

    public record Place(List<Share> shares, String reason) implements Verdict {
        public Place {
            shares = List.copyOf(shares);
        }
    }

    public record Wait(String reason) implements Verdict {}

    private GangScheduler() {}

    /// The fullest single host that has room wins, so that large gaps stay whole; otherwise as few hosts as possible.
    ///
    /// @param oneHost whether the ranks must share memory
    public static Verdict place(int worldSize, boolean oneHost, List<Host> hosts) {
        int free = hosts.stream().mapToInt(Host::freeSlots).sum();
        Optional<Host> tightest = hosts.stream().filter(h -> h.freeSlots() >= worldSize)
                .min(Comparator.comparingInt(Host::freeSlots).thenComparing(Host::agentId));
        if (tightest.isPresent()) {
            return new Place(spread(worldSize, List.of(tightest.get())), "%d ranks on %s".formatted(worldSize,
                    tightest.get().agentId()));
        }
        if (oneHost) {
            int most = hosts.stream().mapToInt(Host::freeSlots).max().orElse(0);
            return new Wait("waiting for %d free slots on one host; the most free are %d".formatted(worldSize, most));
        }
        if (free < worldSize) {
            return new Wait("waiting for %d free slots; %d are free on %d hosts".formatted(worldSize, free, hosts.size()));
        }
        List<Host> largestFirst = hosts.stream()
                .sorted(Comparator.comparingInt(Host::freeSlots).reversed().thenComparing(Host::agentId)).toList();
        List<Share> shares = spread(worldSize, largestFirst);
        return new Place(shares, "%d ranks on %d hosts".formatted(worldSize, shares.size()));
    }

    private static List<Share> spread(int worldSize, List<Host> hosts) {
        var shares = new ArrayList<Share>();
        int next = 0;
        for (Host host : hosts) {
            var ranks = new ArrayList<Integer>();
            while (next < worldSize && ranks.size() < host.freeSlots()) {
                ranks.add(next++);
            }
            if (!ranks.isEmpty()) { shares.add(new Share(host.agentId(), ranks)); }
        }
        return shares;
    }
}
