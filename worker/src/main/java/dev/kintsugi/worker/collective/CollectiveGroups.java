package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.plan.Sharding;

/// Opens this rank's end of a [CollectiveGroup].
public final class CollectiveGroups {
    private CollectiveGroups() {}

    /// A group in which each of `sharding`'s replicas gathers weights for itself.
    ///
    /// @param gatherTransport between the ranks of this rank's replica
    /// @throws CollectiveTimeoutException as [#open(GroupConfig)]
    public static CollectiveGroup open(GroupConfig config, Sharding sharding, GroupConfig.Transport gatherTransport) {
        PolledGroup world = openOne(config);
        if (sharding.replicas() == 1) { return world; }
        try {
            return new ReplicatedGroup(world, openOne(config.replica(sharding, gatherTransport)));
        } catch (RuntimeException | Error e) {
            world.close();
            throw e;
        }
    }

    /// Returns when every rank of the group has opened its end.
    ///
    /// @throws CollectiveTimeoutException if a peer does not appear within the configured timeout
    public static CollectiveGroup open(GroupConfig config) {
        return openOne(config);
    }

    private static PolledGroup openOne(GroupConfig config) {
        if (config.worldSize() == 1) { return new SoloGroup(); }
        return switch (config.transport()) {
            case SHM -> ShmGroup.open(config);
            case AERON -> AeronGroup.open(config, AeronSettings.forGroup(config));
        };
    }
}
