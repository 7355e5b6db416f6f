package dev.kintsugi.worker.collective;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.plan.Sharding;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// What a rank must know to open its group.
///
/// @param generation of the job's attempt; messages and segments of another one are refused
/// @param shmDirectory directory for shared-memory segments, made by the node agent for this attempt; used by [Transport#SHM]
/// @param aeronDirectory of the node agent's media driver; used by [Transport#AERON]
/// @param dataEndpoints `host:port` by rank, on which each rank receives; used by [Transport#AERON]
/// @param timeout how long a call may make no progress
public record GroupConfig(String jobId, long generation, int rank, int worldSize, Transport transport, Path shmDirectory,
        Path aeronDirectory, List<String> dataEndpoints, Duration timeout) {
    /// How shards travel.
    public enum Transport {
        /// Shared memory: all ranks are on one host.
        SHM,
        /// Aeron over UDP unicast.
        AERON
    }

    public GroupConfig {
        requireNonNull(jobId, "jobId is null");
        requireNonNull(transport, "transport is null");
        requireNonNull(timeout, "timeout is null");
        dataEndpoints = List.copyOf(dataEndpoints);
        if (worldSize < 1 || rank < 0 || rank >= worldSize) {
            throw new IllegalArgumentException("group: rank=%d worldSize=%d; rank must be in [0, worldSize)".formatted(rank, worldSize));
        }
        if (transport == Transport.SHM && worldSize > 1) { requireNonNull(shmDirectory, "shmDirectory is null"); }
        if (transport == Transport.AERON && worldSize > 1) {
            requireNonNull(aeronDirectory, "aeronDirectory is null");
            if (dataEndpoints.size() != worldSize) {
                throw new IllegalArgumentException("group: %d data endpoints for worldSize=%d".formatted(dataEndpoints.size(), worldSize));
            }
        }
    }

    /// Of the group that the ranks of this rank's replica make among themselves: other segments and other streams than the whole world's.
    GroupConfig replica(Sharding sharding, Transport gatherTransport) {
        int replica = sharding.replica(rank);
        int first = replica * sharding.shardWorldSize();
        String name = "replica-" + replica;
        List<String> endpoints = dataEndpoints.isEmpty() ? List.of() : dataEndpoints.subList(first, first + sharding.shardWorldSize());
        return new GroupConfig(jobId + "/" + name, generation, sharding.shard(rank), sharding.shardWorldSize(), gatherTransport,
                shmDirectory == null ? null : shmDirectory.resolve(name), aeronDirectory, endpoints, timeout);
    }

    /// Tells two jobs apart in a header of fixed size.
    long jobHash() {
        long h = 0xcbf29ce484222325L;       // FNV-1a
        for (int i = 0; i < jobId.length(); i++) { h = (h ^ jobId.charAt(i)) * 0x100000001b3L; }
        return h;
    }
}
