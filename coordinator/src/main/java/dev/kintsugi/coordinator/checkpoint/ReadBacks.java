package dev.kintsugi.coordinator.checkpoint;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// Which ranks have still to say what they read back of which committed checkpoint. Owned by the control loop; touches nothing else.
final class ReadBacks {
    sealed interface Verdict {}

    /// All of it came back as it was written.
    record Sound() implements Verdict {}

    record Damaged(String reason) implements Verdict {}

    private final Map<Long, Set<Integer>> reading = new TreeMap<>();

    /// Ranks `writers` begin to read the checkpoint of `step` back.
    void await(long step, Collection<Integer> writers) {
        reading.put(step, new TreeSet<>(writers));
    }

    /// @param failure empty: what the rank wrote is sound
    /// @return what is known now of the whole checkpoint, once something is
    Optional<Verdict> report(long step, int rank, String failure) {
        Set<Integer> left = reading.get(step);
        if (left == null || !left.remove(rank)) { return Optional.empty(); }
        if (failure.isEmpty() && !left.isEmpty()) { return Optional.empty(); }
        reading.remove(step);
        return Optional.of(failure.isEmpty() ? new Sound() : new Damaged(failure));
    }

    /// A rank says nothing more.
    ///
    /// @return steps of which nobody will ever know
    List<Long> leave(int rank) {
        var unknown = new ArrayList<Long>();
        reading.forEach((step, left) -> { if (left.contains(rank)) { unknown.add(step); } });
        unknown.forEach(reading::remove);
        return unknown;
    }

    boolean isEmpty() {
        return reading.isEmpty();
    }
}
