package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.failure.WorldException;

/// See [CollectiveGroup].
public final class PeerLostException extends WorldException {
    public PeerLostException(String message) {
        super("peer_lost", message);
    }
}
