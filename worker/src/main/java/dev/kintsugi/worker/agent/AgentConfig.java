package dev.kintsugi.worker.agent;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// An agent's settings.
///
/// @param coordinatorHost without brackets, if it is an IPv6 address
/// @param address of this host on the data plane
/// @param workDirectory for what is too large for `/dev/shm`
/// @param exitWithParent end when the coordinator is gone, rather than wait for the next
/// @param rankProgram JVM arguments from the main class on; the rank's own arguments follow
/// @param grace what ranks get between being asked to leave and being killed, when nobody said
/// @param patience how long a coordinator may be unreachable before an agent that exits with its parent gives up
record AgentConfig(String id, int slots, String coordinatorHost, int coordinatorPort, String address, Path workDirectory,
        boolean exitWithParent, List<String> rankProgram, Duration grace, Duration patience) {
    static final List<String> RANK_MAIN = List.of("dev.kintsugi.worker.train.RankMain");

    AgentConfig {
        rankProgram = List.copyOf(rankProgram);
        if (slots < 1) { throw new IllegalArgumentException("slots=%d; must be >= 1".formatted(slots)); }
    }

    /// `host:port`, as ranks are told it.
    String coordinator() {
        return (coordinatorHost.contains(":") ? "[" + coordinatorHost + "]" : coordinatorHost) + ":" + coordinatorPort;
    }
}
