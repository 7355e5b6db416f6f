package dev.kintsugi.coordinator.control;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one thread that owns every job, agent and attempt. Others hand it work; nothing it runs waits for storage of jobs, ranks or
/// watchers, only for the state store, which is a local file.
public final class ControlLoop implements Executor, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControlLoop.class);

    private final BlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final long tickNs;
    private final Runnable tick;
    private volatile boolean closed;

    /// @param tick runs about every `tickMs`, between other work
    public ControlLoop(long tickMs, Runnable tick) {
        tickNs = TimeUnit.MILLISECONDS.toNanos(tickMs);
        this.tick = tick;
        thread = Thread.ofPlatform().name("control").daemon().unstarted(this::run);
    }

    public void start() {
        thread.start();
    }

    @Override
    public void execute(Runnable task) {
        work.add(task);
    }

    /// Runs `task` on the loop. The future fails with what the task throws.
    public <T> CompletableFuture<T> call(Callable<T> task) {
        var result = new CompletableFuture<T>();
        execute(() -> {
            try {
                result.complete(task.call());
            } catch (Exception | AssertionError e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    private void run() {
        long nextTickNs = System.nanoTime() + tickNs;
        while (!closed) {
            try {
                Runnable task = work.poll(Math.max(0, nextTickNs - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (task != null) { runSafely(task); }
                if (System.nanoTime() >= nextTickNs) {
                    runSafely(tick);
                    nextTickNs = System.nanoTime() + tickNs;
                }
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    // One job's bug must not take the others down.
    private static void runSafely(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | AssertionError e) {
            log.error("a bug of Kintsugi, please report it", e);
        }
    }

    /// Drops what is still queued.
    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
