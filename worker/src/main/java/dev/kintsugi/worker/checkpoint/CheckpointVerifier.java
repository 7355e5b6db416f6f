package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.LongConsumer;

/// Reads a checkpoint whole: checks the digest of every chunk, and holds every header against the manifest.
public final class CheckpointVerifier {
    private CheckpointVerifier() {}

    /// @param threads files verified at once
    /// @param onBytes bytes verified so far, from any of the threads
    /// @return what is wrong, one sentence for each bad file, in the order of the ranks; empty when the checkpoint is sound
    public static List<String> verify(CheckpointDirectory checkpoint, int threads, LongConsumer onBytes) throws InterruptedException {
        try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
            var done = new AtomicLong();
            var results = new ArrayList<Future<String>>();
            for (int rank = 0; rank < checkpoint.manifest().worldSize(); rank++) {
                int r = rank;
                results.add(executor.submit(check(checkpoint, CheckpointLayout.modelFile(r), b -> CheckedShard.model(checkpoint, r, b), done, onBytes)));
                results.add(executor
                        .submit(check(checkpoint, CheckpointLayout.optimizerFile(r), b -> CheckedShard.optimizer(checkpoint, r, b), done, onBytes)));
            }
            return sentences(results);
        }
    }

    private static Callable<String> check(CheckpointDirectory checkpoint, String path, Function<ChunkBuffer, CheckedShard> open, AtomicLong done,
            LongConsumer onBytes) {
        long bytes = checkpoint.manifest().file(path).bytes();
        return () -> {
            var checked = new AtomicLong();
            try (var buffer = new ChunkBuffer(checkpoint.path()); CheckedShard shard = open.apply(buffer)) {
                shard.checkAll(n -> {
                    checked.addAndGet(n);
                    onBytes.accept(done.addAndGet(n));
                });
                return "";
            } catch (CorruptShardException e) {
                onBytes.accept(done.addAndGet(bytes - checked.get()));      // what is left of a bad file is done with, too
                return e.getMessage();
            }
        };
    }

    private static List<String> sentences(List<Future<String>> results) throws InterruptedException {
        var sentences = new ArrayList<String>();
        for (Future<String> result : results) {
            try {
                sentences.add(result.get());
            } catch (ExecutionException e) {
                throw new AssertionError(e.getCause());
            }
        }
        sentences.removeIf(String::isEmpty);
        return sentences;
    }
}
