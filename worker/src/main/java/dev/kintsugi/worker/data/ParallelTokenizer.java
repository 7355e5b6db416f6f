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
import java.util.function.Consumer;

/// Tokenises parts of documents on several threads and hands the ids on in the documents' order, on the calling thread, whatever
/// the number of threads.
final class ParallelTokenizer implements AutoCloseable {
    private static final int BATCH_CHARS = 1 << 18;

    private final Tokenizer tokenizer;
    private final boolean addSpecialTokens;
    private final int[] separator;
    private final Consumer<int[]> ids;
    private final int threads;
    private final ExecutorService pool;
    private final ArrayDeque<Future<List<int[]>>> running = new ArrayDeque<>();
    private List<Part> batch = new ArrayList<>();
    private int batchChars;

    private record Part(String text, boolean first, boolean last) {
    }

    /// @param separator follows each document
    /// @param ids receives the tokens in order
    ParallelTokenizer(Tokenizer tokenizer, boolean addSpecialTokens, int[] separator, int threads, Consumer<int[]> ids) {
        this.tokenizer = tokenizer;
        this.addSpecialTokens = addSpecialTokens;
        this.separator = separator;
        this.ids = ids;
        this.threads = threads;
        this.pool = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("tokenizer-", 0).factory());
    }

    void accept(String text, boolean first, boolean last) {
        batch.add(new Part(text, first, last));
        batchChars += text.length() + 1;
        if (batchChars >= BATCH_CHARS) { submit(); }
    }

    /// Hands on what is left.
    void finish() {
        submit();
        while (!running.isEmpty()) { handOn(); }
    }

    private void submit() {
        List<Part> full = batch;
        batch = new ArrayList<>();
        batchChars = 0;
        running.add(pool.submit(() -> tokenise(full)));
        if (running.size() > 2 * threads) { handOn(); }
    }

    private List<int[]> tokenise(List<Part> parts) {
        List<int[]> out = new ArrayList<>();
        for (Part part : parts) {
            if (part.first && addSpecialTokens) { out.add(tokenizer.prefix()); }
            out.add(tokenizer.encode(part.text, false));
            if (part.last && addSpecialTokens) { out.add(tokenizer.suffix()); }
            if (part.last) { out.add(separator); }
        }
        return out;
    }

    private void handOn() {
        try {
            running.remove().get().forEach(ids);
        } catch (ExecutionException e) {
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
