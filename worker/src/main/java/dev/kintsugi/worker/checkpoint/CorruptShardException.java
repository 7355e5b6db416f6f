package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.worker.failure.WorldException;

/// A file of a committed checkpoint is gone or is not what its rank wrote.
public final class CorruptShardException extends WorldException {
    public CorruptShardException(String message) {
        super("corrupt_shard", message);
    }
}
