package dev.kintsugi.coordinator;

/// The coordinator cannot start. The message is one sentence for people.
public final class StartException extends RuntimeException {
    StartException(String message) {
        super(message);
    }
}
