package dev.kintsugi.worker.kernel.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// Threads that do a task together with the thread that calls: each its own part, and the call returns when all parts are done. Between
/// tasks they spin for some microseconds, as kernels follow one another, and then sleep.
final class Team implements AutoCloseable {
    private static final int SPINS = 2_000;

    private final Thread[] members;         // all but the caller
    private final AtomicInteger left = new AtomicInteger();
    private volatile Part part;
    private volatile int call;
    private volatile Thread caller;
    private volatile Throwable failure;
    private volatile boolean closed;

    /// What one of the threads does.
    interface Part {
        /// @param thread 0 for the caller, then up
        void run(int thread);
    }

    /// @param threads the caller included
    Team(int threads) {
        members = new Thread[threads - 1];
        for (int i = 0; i < members.length; i++) {
            int thread = i + 1;
            members[i] = Thread.ofPlatform().daemon().name("compute-" + thread).start(() -> serve(thread));
        }
    }

    int size() {
        return members.length + 1;
    }

    /// From one thread at a time.
    ///
    /// @throws RuntimeException what a part threw, one of them if several did
    void run(Part newPart) {
        if (closed) { throw new IllegalStateException("the team is closed"); }
        part = newPart;
        caller = Thread.currentThread();
        left.set(members.length);
        call++;                             // only a caller writes it
        for (Thread member : members) { LockSupport.unpark(member); }
        Throwable own = attempt(newPart, 0);
        for (int spins = 0; left.get() > 0; spins++) { rest(spins); }
        Throwable theirs = failure;
        failure = null;
        rethrow(own != null ? own : theirs);
    }

    private void serve(int thread) {
        for (int done = 0; awaitCallAfter(done); done++) {
            Throwable thrown = attempt(part, thread);
            if (thrown != null) { failure = thrown; }
            if (left.decrementAndGet() == 0) { LockSupport.unpark(caller); }
        }
    }

    private boolean awaitCallAfter(int done) {
        for (int spins = 0; call == done && !closed; spins++) { rest(spins); }
        return !closed;
    }

    private static void rest(int spins) {
        if (spins < SPINS) {
            Thread.onSpinWait();
        } else {
            LockSupport.park();
        }
    }

    private static Throwable attempt(Part part, int thread) {
        try {
            part.run(thread);
            return null;
        } catch (RuntimeException | Error e) {
            return e;
        }
    }

    private static void rethrow(Throwable thrown) {
        if (thrown instanceof RuntimeException e) { throw e; }
        if (thrown instanceof Error e) { throw e; }
    }

    @Override
    public void close() {
        closed = true;
        for (Thread member : members) { LockSupport.unpark(member); }
    }
}
