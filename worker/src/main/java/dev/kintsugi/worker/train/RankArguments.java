package dev.kintsugi.worker.train;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/// What the node agent tells a rank on its command line; everything else comes from the coordinator.
///
/// @param coordinator host:port
/// @param hostId ranks with equal ids share memory
/// @param address on which this host's ranks are reached by peers
/// @param shmDirectory of this attempt, made and deleted by the agent
/// @param aeronDirectory of the agent's media driver
record RankArguments(String coordinator, String jobId, long generation, int rank, int worldSize, String hostId, String address,
        Path shmDirectory, Path aeronDirectory) {
    static RankArguments parse(String[] args) {
        Map<String, String> values = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) { values.put(args[i], args[i + 1]); }
        return new RankArguments(value(values, "--coordinator"), value(values, "--job"), Long.parseLong(value(values, "--generation")),
                Integer.parseInt(value(values, "--rank")), Integer.parseInt(value(values, "--world_size")), value(values, "--host_id"),
                value(values, "--address"), Path.of(value(values, "--shm_dir")), Path.of(value(values, "--aeron_dir")));
    }

    private static String value(Map<String, String> values, String flag) {
        String value = values.get(flag);
        if (value == null) { throw new IllegalArgumentException("%s is missing; ranks are started by `kintsugi agent`".formatted(flag)); }
        return value;
    }
}
