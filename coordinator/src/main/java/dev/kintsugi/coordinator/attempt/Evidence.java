package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.FailureKind;
import java.util.List;

/// A sign that an attempt has failed. One failure leaves many: [RootCause] picks the one to tell people.
sealed interface Evidence {
    /// The agent saw the process end before it had reported that it finished.
    record RankDied(int rank, String host, int exitStatus, String lastWords, long step) implements Evidence {
        boolean bySignal() {
            return exitStatus > 128;
        }
    }

    /// The rank said so itself.
    record RankReported(int rank, String host, FailureKind kind, String message) implements Evidence {}

    record AgentLost(String host, List<Integer> ranks, String why, long step) implements Evidence {}

    /// The rank's stream to the coordinator ended; its process may be dead, or only the connection.
    record StreamLost(int rank, String host, long step) implements Evidence {}

    record RankSilent(int rank, String host, String why, String doing, long step) implements Evidence {}

    record DidNotJoin(List<Integer> missing, long seconds) implements Evidence {}

    /// Found by the coordinator itself.
    record Unfit(FailureKind kind, String message) implements Evidence {}
}
