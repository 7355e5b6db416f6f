package dev.kintsugi.coordinator.control;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one thread that owns every job, agent and attempt. Others hand it work; nothing that it runs waits for storage, ranks or
/// watchers.
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

    // A tick queues like other work: what arrived before it is done before it, so that after a stall nobody is found silent whose
    // heartbeat is waiting here.
    private void run() {
        long nextTickNs = System.nanoTime() + tickNs;
        boolean tickQueued = false;
        while (!closed) {
            try {
                Runnable task = work.poll(tickQueued ? tickNs : Math.max(0, nextTickNs - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (task != null) { runSafely(task); }
                if (task == tick) {
                    tickQueued = false;
                    nextTickNs = System.nanoTime() + tickNs;
                }
            } catch (InterruptedException e) {
                return;
            }
            if (!tickQueued && System.nanoTime() >= nextTickNs) {
                work.add(tick);
                tickQueued = true;
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
