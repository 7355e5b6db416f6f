package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.FailureKind;

/// Whether a job whose attempt failed tries again. Pure.
public final class RestartPolicy {
    /// @param barrenAttempts attempts in a row, this one included, that ended without a new checkpoint
    /// @param reason why, to be joined to the cause of the failure
    public record Decision(boolean restart, int barrenAttempts, String reason) {}

    private RestartPolicy() {}

    /// @param barrenBefore attempts in a row before this one that ended without a new checkpoint
    /// @param committed whether this attempt committed a checkpoint
    /// @param maxRestarts 0: never
    public static Decision decide(FailureKind kind, boolean committed, int barrenBefore, int maxRestarts) {
        int barren = committed ? 0 : barrenBefore + 1;
        if (kind == FailureKind.CALLER) { return new Decision(false, barren, "not retried: the job itself must change"); }
        if (maxRestarts == 0) { return new Decision(false, barren, "not retried: --max_restarts=0"); }
        if (barren > maxRestarts) {
            return new Decision(false, barren, "given up after %d attempts in a row without a new checkpoint (--max_restarts=%d)"
                    .formatted(barren, maxRestarts));
        }
        return new Decision(true, barren, barren == 0 ? "restarting"
                : "restarting after %d of at most %d attempts without a new checkpoint".formatted(barren, maxRestarts + 1));
    }
}
