package dev.kintsugi.worker.collective;

import java.util.function.BooleanSupplier;

/// A group that can be one of several of a rank. What a rank has begun in one of them others may need while the rank waits in another.
interface PolledGroup extends CollectiveGroup {
    /// Does what can be done at once of what has begun, without waiting.
    ///
    /// @return whether there was anything
    boolean poll();

    /// @param other what to do, besides this group's own work, whenever this rank waits here
    void whileWaiting(BooleanSupplier other);
}
