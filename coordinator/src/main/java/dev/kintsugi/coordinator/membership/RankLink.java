package dev.kintsugi.coordinator.membership;

import dev.kintsugi.proto.v1.RankCommand;

/// The way to a rank. Sending never blocks; after the stream has ended it does nothing.
public interface RankLink {
    void send(RankCommand command);

    void close(String reason);
}
