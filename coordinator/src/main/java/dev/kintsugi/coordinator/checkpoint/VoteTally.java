package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// The ranks' votes on one checkpoint. Immutable; a vote makes a new tally. Pure.
///
/// @param votes by rank
record VoteTally(long step, int worldSize, Map<Integer, CheckpointVote> votes) {
    sealed interface Verdict {}

    /// Some ranks have not voted yet.
    record Open(int missing) implements Verdict {}

    /// Every rank's files are on storage.
    ///
    /// @param writers ranks that have files of it
    record Commit(TrainingState state, List<ShardFile> files, Set<Integer> writers) implements Verdict {}

    /// The save is given up; the attempt goes on.
    record Abandon(String reason) implements Verdict {}

    VoteTally {
        votes = Map.copyOf(votes);
    }

    static VoteTally open(long step, int worldSize) {
        return new VoteTally(step, worldSize, Map.of());
    }

    VoteTally with(int rank, CheckpointVote vote) {
        var more = new TreeMap<>(votes);
        more.put(rank, vote);
        return new VoteTally(step, worldSize, more);
    }

    Verdict verdict() {
        var byRank = new TreeMap<>(votes);
        // One failure decides, so that the others need not write on.
        for (var e : byRank.entrySet()) {
            if (!e.getValue().getFailure().isEmpty()) {
                return new Abandon("rank %d could not write: %s".formatted(e.getKey(), e.getValue().getFailure()));
            }
        }
        if (votes.size() < worldSize) { return new Open(worldSize - votes.size()); }
        TrainingState state = byRank.get(0).getState();
        for (var e : byRank.entrySet()) {
            if (!e.getValue().getState().equals(state)) {
                return new Abandon("rank %d voted for another training state than rank 0".formatted(e.getKey()));
            }
        }
        if (state.getStep() != step) {
            return new Abandon("the ranks voted for step %d with the state of step %d".formatted(step, state.getStep()));
        }
        var writers = new TreeSet<Integer>();
        byRank.forEach((rank, vote) -> { if (vote.getFilesCount() > 0) { writers.add(rank); } });
        return new Commit(state, byRank.values().stream().flatMap(v -> v.getFilesList().stream()).toList(), writers);
    }
}
