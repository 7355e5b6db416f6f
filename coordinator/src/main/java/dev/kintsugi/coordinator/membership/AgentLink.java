package dev.kintsugi.coordinator.membership;

import dev.kintsugi.proto.v1.AgentCommand;

/// The way to an agent. Sending never blocks; after the stream has ended it does nothing.
public interface AgentLink {
    void send(AgentCommand command);

    /// Ends the stream with an error that says why.
    void close(String reason);
}
