package dev.kintsugi.coordinator.api;

import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// A server stream written by one thread that waits while the client is slow, so that nothing piles up.
final class ClientStream<T> {
    private final ServerCallStreamObserver<T> out;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    /// Must be made before the gRPC method returns.
    ClientStream(ServerCallStreamObserver<T> out) {
        this.out = out;
        out.setOnReadyHandler(this::signal);
        out.setOnCancelHandler(this::signal);
    }

    boolean isCancelled() {
        return out.isCancelled();
    }

    /// Sends once the client has room. Does nothing after the client has left.
    void send(T message) throws InterruptedException {
        lock.lock();
        try {
            while (!out.isReady() && !out.isCancelled()) {
                // The signal can be missed only by a bug in the transport; the timeout keeps that from being for ever.
                boolean _ = changed.await(1, TimeUnit.SECONDS);
            }
        } finally {
            lock.unlock();
        }
        if (!out.isCancelled()) { out.onNext(message); }
    }

    void complete() {
        if (!out.isCancelled()) { out.onCompleted(); }
    }

    void fail(Throwable error) {
        if (!out.isCancelled()) { out.onError(Failures.status(error)); }
    }

    private void signal() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
