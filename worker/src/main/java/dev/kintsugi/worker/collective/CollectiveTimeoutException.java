package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.failure.WorldException;

/// See [CollectiveGroup].
public final class CollectiveTimeoutException extends WorldException {
    public CollectiveTimeoutException(String message) {
        super("collective_timeout", message);
    }
}
