package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// The ranks' votes on one checkpoint. A vote costs the logarithm of the ranks; the last one looks at all.
final class VoteTally {
    private final long step;
    private final int worldSize;
    private final SortedMap<Integer, CheckpointVote> votes = new TreeMap<>();
    private Abandon failure;        // the first one

    sealed interface Verdict {}

    /// Some ranks have not voted yet.
    record Open(int missing) implements Verdict {}

    /// Every rank's files are on storage.
    ///
    /// @param writers ranks that have files of it
    record Commit(TrainingState state, List<ShardFile> files, Set<Integer> writers) implements Verdict {}

    /// The save is given up; the attempt goes on.
    record Abandon(String reason) implements Verdict {}

    VoteTally(long step, int worldSize) {
        this.step = step;
        this.worldSize = worldSize;
    }

    /// Counts a rank's vote; its second one takes the place of the first. One failure decides, so that the others need not write on.
    Verdict vote(int rank, CheckpointVote vote) {
        votes.put(rank, vote);
        if (failure == null && !vote.getFailure().isEmpty()) { failure = new Abandon("rank %d could not write: %s".formatted(rank, vote.getFailure())); }
        return failure == null ? verdict() : failure;
    }

    private Verdict verdict() {
        if (votes.size() < worldSize) { return new Open(worldSize - votes.size()); }
        TrainingState state = votes.get(0).getState();
        for (var e : votes.entrySet()) {
            if (!e.getValue().getState().equals(state)) {
                return new Abandon("rank %d voted for another training state than rank 0".formatted(e.getKey()));
            }
        }
        if (state.getStep() != step) {
            return new Abandon("the ranks voted for step %d with the state of step %d".formatted(step, state.getStep()));
        }
        var writers = new TreeSet<Integer>();
        votes.forEach((rank, vote) -> { if (vote.getFilesCount() > 0) { writers.add(rank); } });
        return new Commit(state, votes.values().stream().flatMap(v -> v.getFilesList().stream()).toList(), writers);
    }
}
