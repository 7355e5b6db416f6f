package dev.kintsugi.worker.checkpoint.catalog;

import java.util.Locale;

/// How far a checkpoint can be relied on.
public enum CheckpointState {
    /// Every rank wrote its files, and the manifest says so.
    COMMITTED,
    /// Committed, and read back whole from storage.
    VERIFIED,
    /// It was committed, and a file or the manifest is no good.
    DAMAGED,
    /// Without a manifest: being saved at this moment, or given up.
    INCOMPLETE;

    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
