package dev.kintsugi.coordinator;

import java.nio.file.Path;

/// How a coordinator is set up.
///
/// @param host the address to listen on
/// @param port 0: any free one
/// @param stateDir holds coordinator.db; created when missing
public record CoordinatorSettings(String host, int port, Path stateDir) {
    public CoordinatorSettings {
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("--port=%d must be between 0 and 65535; 0 picks a free one".formatted(port));
        }
    }
}
