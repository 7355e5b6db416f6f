package dev.kintsugi.sharding.estimate;

import java.util.Locale;

/// The parts of a step that take time by what they compute or move, in the names of a run's metrics.
public enum StepPhase {
    /// Casting a rank's own rows into unsharded units. Bytes.
    GATHER,
    /// Operations.
    FORWARD,
    /// Head and cross entropy, forward and backward. Operations.
    LOSS,
    /// Operations, recomputation included.
    BACKWARD,
    /// Zeroing a rank's accumulators and adding all ranks' gradients of its rows to them. Bytes.
    SCATTER,
    /// Bytes.
    NORM,
    /// Bytes.
    OPTIMIZER;

    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
