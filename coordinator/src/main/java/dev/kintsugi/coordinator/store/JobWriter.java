package dev.kintsugi.coordinator.store;

import dev.kintsugi.coordinator.job.TrackedJob;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes to a [JobStore] in order on a thread of its own, so that a slow disk delays no decision. A coordinator that dies with writes
/// under way finds its jobs a little further back, which is where their checkpoints put them anyway.
public final class JobWriter implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(JobWriter.class);
    private static final long CLOSE_SECONDS_MAX = 10;

    private final JobStore store;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("store").factory());

    /// @param store used by this writer only, from now on; closed with it
    public JobWriter(JobStore store) {
        this.store = store;
    }

    /// @return done when the record is on disk; failed when it cannot be written
    public CompletableFuture<Void> save(TrackedJob.Record record) {
        return CompletableFuture.runAsync(() -> store.save(record), thread).whenComplete((_, error) -> {
            if (error != null) { log.error("job {} could not be stored: {}", record.job().getJobId(), error.getMessage()); }
        });
    }

    /// @return done when everything saved so far was written
    public CompletableFuture<Void> flushed() {
        return CompletableFuture.runAsync(() -> {}, thread);
    }

    @Override
    public void close() {
        thread.execute(store::close);
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS_MAX, TimeUnit.SECONDS)) { log.error("jobs could not be stored in time"); }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
