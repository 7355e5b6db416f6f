package dev.kintsugi.worker.collective;

/// Opens this rank's end of a [CollectiveGroup].
public final class CollectiveGroups {
    private CollectiveGroups() {}

    /// Returns when every rank of the group has opened its end.
    ///
    /// @throws CollectiveTimeoutException if a peer does not appear within the configured timeout
    public static CollectiveGroup open(GroupConfig config) {
        if (config.worldSize() == 1) { return new SoloGroup(); }
        return switch (config.transport()) {
            case SHM -> ShmGroup.open(config);
            case AERON -> AeronGroup.open(config, AeronSettings.forGroup(config));
        };
    }
}
