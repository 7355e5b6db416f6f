package dev.kintsugi.sharding.schedule;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// The schedule in which every rank sends straight to every other: one hop, `N - 1` transfers a rank, no forwarding. Best for
/// few ranks; each byte crosses the network as often as there are ranks that need it.
///
/// A rank offers data to `rank + 1, rank + 2, ...` around the circle, so that not all begin with the same one.
public final class DirectSchedule {
    /// What is moved.
    public enum Collective {
        /// Each rank's rows to all others.
        ALL_GATHER,
        /// Each rank's contribution to another's rows, to that one.
        REDUCE_SCATTER,
        /// Each rank's rows from rank 0.
        SCATTER
    }

    private DirectSchedule() {}

    /// What `rank` sends. Transfers to different ranks must progress independently of each other; see [ReduceTurns].
    public static List<Transfer> sends(Collective collective, int rank, int worldSize) {
        return switch (collective) {
            case ALL_GATHER -> others(rank, worldSize).map(to -> new Transfer(rank, to, rank)).toList();
            case REDUCE_SCATTER -> others(rank, worldSize).map(to -> new Transfer(rank, to, to)).toList();
            case SCATTER -> rank == 0 ? others(rank, worldSize).map(to -> new Transfer(rank, to, to)).toList() : List.of();
        };
    }

    /// What `rank` receives, by source.
    public static List<Transfer> receives(Collective collective, int rank, int worldSize) {
        return IntStream.range(0, worldSize).boxed().flatMap(from -> sends(collective, from, worldSize).stream())
                .filter(t -> t.to() == rank).toList();
    }

    private static Stream<Integer> others(int rank, int worldSize) {
        return IntStream.range(1, worldSize).mapToObj(i -> (rank + i) % worldSize);
    }
}
