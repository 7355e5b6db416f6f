package dev.kintsugi.client.spec;

/// The command line or job file is wrong: one sentence that names the flag or key and what to write instead. Exit status 2.
public final class UsageException extends RuntimeException {
    public UsageException(String message) {
        super(message);
    }
}
