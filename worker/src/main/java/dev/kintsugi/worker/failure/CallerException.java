package dev.kintsugi.worker.failure;

/// The job's own mistake: a bad file, field or flag. The message is one sentence for people (what, where, what to do); the job is
/// not retried, and no stack trace is shown.
public final class CallerException extends RuntimeException {
    public CallerException(String message) {
        super(message);
    }

    public CallerException(String message, Throwable cause) {
        super(message, cause);
    }
}
