package dev.kintsugi.sharding.manifest;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/// Which checkpoints may go. Pure.
public final class Retention {
    private Retention() {}

    /// A step's directory, whatever state it is in.
    ///
    /// @param isVerified read back whole after it was committed
    public record Kept(long step, boolean isVerified) {}

    /// The steps that the newest `limit` verified checkpoints replace: everything older than those. Nothing, as long as there are not that many,
    /// and never anything newer than the oldest of them, verified or not, nor the best.
    ///
    /// @param limit verified checkpoints that stay, at least 1
    /// @param best a step that stays besides; 0: none
    /// @return lowest step first
    public static List<Long> replaced(Collection<Kept> checkpoints, int limit, long best) {
        if (limit < 1) { throw new IllegalArgumentException("save_total_limit=%d; must be at least 1".formatted(limit)); }
        List<Long> verified = checkpoints.stream().filter(Kept::isVerified).map(Kept::step).sorted(Comparator.reverseOrder()).toList();
        if (verified.size() < limit) { return List.of(); }
        long oldestKept = verified.get(limit - 1);
        return checkpoints.stream().map(Kept::step).filter(step -> step < oldestKept && step != best).sorted().toList();
    }
}
