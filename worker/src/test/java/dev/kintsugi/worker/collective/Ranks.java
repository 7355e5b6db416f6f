package dev.kintsugi.worker.collective;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Runs the ranks of a group as threads of the test, each with its own group object.
final class Ranks {
    private Ranks() {}

    interface Body<T> {
        T run(int rank) throws Exception;
    }

    /// Every rank's result; the first rank's failure, if any.
    static <T> List<T> run(int worldSize, Body<T> body) throws Exception {
        try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("rank-", 0).factory())) {
            var futures = new ArrayList<Future<T>>();
            for (int r = 0; r < worldSize; r++) {
                int rank = r;
                futures.add(threads.submit(() -> body.run(rank)));
            }
            var results = new ArrayList<T>();
            for (Future<T> f : futures) {
                results.add(get(f));
            }
            return results;
        }
    }

    private static <T> T get(Future<T> future) throws Exception {
        try {
            return future.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Exception cause) { throw cause; }
            if (e.getCause() instanceof Error cause) { throw cause; }
            throw new CancellationException(e.toString());
        }
    }
}
