package dev.kintsugi.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/// Requests under way at once, at most [#AT_ONCE]: what starts more waits for the oldest. One thread.
final class Transfers<T> {
    static final int AT_ONCE = 4;

    private final ExecutorService threads;
    private final Deque<Future<T>> underWay = new ArrayDeque<>();

    Transfers(ExecutorService threads) {
        this.threads = threads;
    }

    /// @return what the oldest came to, if it had to be waited for, else null
    T start(Callable<T> request) throws IOException {
        T oldest = underWay.size() < AT_ONCE ? null : awaitOldest();
        underWay.add(threads.submit(request));
        return oldest;
    }

    T awaitOldest() throws IOException {
        try {
            return underWay.remove().get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException x) { throw x; }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for S3");
        }
    }

    boolean isEmpty() {
        return underWay.isEmpty();
    }

    void awaitAll() throws IOException {
        while (!isEmpty()) { awaitOldest(); }
    }

    /// Waits for all, whatever becomes of them.
    void settle() {
        while (!isEmpty()) {
            try {
                awaitOldest();
            } catch (IOException | IllegalStateException e) {
                if (Thread.currentThread().isInterrupted()) { return; }
            }
        }
    }
}
