package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Encodes examples, long texts in parts, on several threads and hands the words on in the examples' order, on the calling thread, whatever
/// the number of threads.
final class ParallelTokenizer implements Documents.Examples, AutoCloseable {
    private static final int BATCH_CHARS = 1 << 18;
    private static final int EXAMPLE_CHARS = 1 << 10;

    /// Receives words in order.
    interface Words {
        /// @param last whether they end a sample
        void accept(int[] words, boolean last);
    }

    private final SampleEncoder encoder;
    private final Words words;
    private final int threads;
    private final ExecutorService pool;
    private final ArrayDeque<Future<List<Encoded>>> running = new ArrayDeque<>();
    private List<Task> batch = new ArrayList<>();
    private int batchChars;

    private interface Task {
        Encoded encode();
    }

    private record Encoded(int[] words, boolean last) {
    }

    ParallelTokenizer(SampleEncoder encoder, int threads, Words words) {
        this.encoder = encoder;
        this.words = words;
        this.threads = threads;
        this.pool = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("tokenizer-", 0).factory());
    }

    @Override
    public void accept(String text, boolean first, boolean last) {
        add(text.length() + 1, () -> new Encoded(encoder.part(text, first, last), last));
    }

    @Override
    public void accept(Example example, String place) {
        add(EXAMPLE_CHARS, () -> new Encoded(encoder.example(example, place), true));
    }

    private void add(int chars, Task task) {
        batch.add(task);
        batchChars += chars;
        if (batchChars >= BATCH_CHARS) { submit(); }
    }

    /// Hands on what is left.
    void finish() {
        submit();
        while (!running.isEmpty()) { handOn(); }
    }

    private void submit() {
        List<Task> full = batch;
        batch = new ArrayList<>();
        batchChars = 0;
        running.add(pool.submit(() -> full.stream().map(Task::encode).toList()));
        if (running.size() > 2 * threads) { handOn(); }
    }

    private void handOn() {
        try {
            running.remove().get().forEach(e -> words.accept(e.words, e.last));
        } catch (ExecutionException e) {
            if (e.getCause() instanceof CallerException said) { throw said; }
            throw new CallerException("the tokenizer refused a document: %s".formatted(e.getCause().getMessage()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new WorldException("interrupted", "interrupted while tokenising", e);
        }
    }

    @Override
    public void close() {
        pool.shutdownNow();
    }
}
