package dev.kintsugi.worker.failure;

/// A peer, disk or network failed. The attempt ends; the job goes on from its last checkpoint. The code is also a metric label.
public class WorldException extends RuntimeException {
    private final String code;

    public WorldException(String code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    public WorldException(String code, String message) {
        this(code, message, null);
    }

    /// Lower case with underscores: `peer_lost`, `corrupt_shard`, `collective_timeout`, `storage`.
    public final String code() {
        return code;
    }
}
