package dev.kintsugi.client.service;

/// A command could not do what it was asked: one sentence that says what, where and what to do. Exit status 1.
public final class CommandException extends RuntimeException {
    public CommandException(String message) {
        super(message);
    }

    public CommandException(String message, Throwable cause) {
        super(message, cause);
    }
}
