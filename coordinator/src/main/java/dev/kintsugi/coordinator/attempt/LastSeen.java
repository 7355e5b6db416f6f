package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.CollectiveEntry;
import dev.kintsugi.proto.v1.RankHeartbeat;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/// Where a rank was when an attempt stalled. Pure.
record LastSeen(int rank, String host, RankHeartbeat heartbeat) {
    private static final int RANKS_MAX = 4;

    /// The ranks that are furthest behind, first; theirs is what the others wait for.
    ///
    /// @return empty if no rank said what it did
    static String explain(List<LastSeen> ranks) {
        return ranks.stream().filter(r -> !r.heartbeat().getDoing().isEmpty())
                .sorted(Comparator.comparingLong(LastSeen::sequence).thenComparingInt(LastSeen::rank)).limit(RANKS_MAX)
                .map(LastSeen::tell).collect(Collectors.joining("; "));
    }

    private String tell() {
        return "rank %d on host %s at step %d: %s".formatted(rank, host, heartbeat.getStep(), heartbeat.getDoing());
    }

    private long sequence() {
        return heartbeat.getJournalList().stream().mapToLong(CollectiveEntry::getSequence).max().orElse(0);
    }
}
