package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.JoinResponse;

/// Where the answer to a rank's Join goes. Exactly one of the two is called.
public interface JoinReply {
    void accept(JoinResponse response);

    /// The rank must exit.
    void refuse(String reason);
}
