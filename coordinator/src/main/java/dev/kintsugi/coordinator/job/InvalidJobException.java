package dev.kintsugi.coordinator.job;

/// The submitter's mistake. The message is one sentence that names the flag or file and what to do; nothing was queued.
public final class InvalidJobException extends IllegalArgumentException {
    public InvalidJobException(String message) {
        super(message);
    }

    static void require(boolean ok, String message, Object... values) {
        if (!ok) { throw new InvalidJobException(message.formatted(values)); }
    }
}
