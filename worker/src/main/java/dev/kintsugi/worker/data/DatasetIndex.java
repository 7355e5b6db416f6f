package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Turns a dataset into samples of at most `max_length` tokens, as [Packing] says; words that fill no block of `wrapped` text are dropped.
///
/// Rank 0 prepares an index file once; every rank opens it. The file's name is a digest of all its bytes depend on, so that a job
/// that starts again, or another one on the same text, finds it there.
public final class DatasetIndex {
    private DatasetIndex() {
    }

    /// Told what is done.
    public interface Listener {
        /// Now and then how far the tokenizing is.
        void progress(long bytesRead, long bytesTotal, long tokens);

        /// One sentence for whoever started the job.
        void note(String sentence);
    }

    /// @return the index file, `<outputDir>/data/<digest>.tokens`, found or made
    /// @throws CallerException if the dataset or the tokenizer is missing or malformed, or gives no sample
    public static Path prepare(DatasetConfig config, Listener listener) {
        DatasetFiles files = DatasetFiles.find(config.datasetName(), config.split());
        if (Files.exists(config.outputDir()) && !Files.isDirectory(config.outputDir())) {
            throw new CallerException("output_dir=%s is not a directory; choose another --output_dir".formatted(config.outputDir()));
        }
        try (Tokenizer tokenizer = Tokenizer.open(config.tokenizer())) {
            var documents = new Documents(files, config.samples().textField(), tokenizer);
            SampleRules rules = SampleRules.of(config.samples(), documents.form(), tokenizer);
            String digest = DatasetDigest.of(config.samples().textField(), rules, files, tokenizer);
            Path target = config.outputDir().resolve("data").resolve(digest + ".tokens");
            if (!isGood(target)) { write(config, files, documents, rules, tokenizer, target, listener); }
            return target;
        } catch (AccessDeniedException e) {
            throw new CallerException("output_dir=%s: not writable; choose another --output_dir or give yourself the right to write there"
                    .formatted(config.outputDir()), e);
        } catch (IOException | UncheckedIOException e) {
            throw new WorldException("storage", "token index in %s: cannot be written: %s".formatted(config.outputDir(), e.getMessage()), e);
        }
    }

    /// @param index what [#prepare] returned; its last element alone is not enough
    public static TokenBlocks open(Path index) {
        return new MappedTokenBlocks(index);
    }

    private static boolean isGood(Path target) {
        if (!Files.exists(target)) { return false; }
        try (MappedTokenBlocks blocks = new MappedTokenBlocks(target)) {
            blocks.verify();
            return true;
        } catch (WorldException e) {
            return false; // Nobody's only copy: it is written anew.
        }
    }

    private static void write(DatasetConfig config, DatasetFiles files, Documents documents, SampleRules rules, Tokenizer tokenizer, Path target,
            Listener listener) throws IOException {
        Files.createDirectories(target.getParent());
        long bytesTotal = totalBytes(files);
        var encoder = new SampleEncoder(tokenizer, rules);
        try (TokenFileWriter writer = new TokenFileWriter(target, rules.maxLength(), rules.packing() != Packing.WRAPPED,
                rules.packing() == Packing.BEST_FIT)) {
            var samples = new SampleCollector(config, rules, tokenizer, writer,
                    () -> listener.progress(documents.bytesRead(), bytesTotal, writer.words()));
            try (ParallelTokenizer parallel = new ParallelTokenizer(encoder, config.threads(), samples)) {
                documents.forEach(parallel);
                parallel.finish();
            }
            samples.finish();
            listener.progress(bytesTotal, bytesTotal, writer.words());
            samples.check();
            samples.notes(encoder.shifted()).forEach(listener::note);
            writer.commit();
        }
    }

    private static long totalBytes(DatasetFiles files) throws IOException {
        long total = 0;
        for (String name : files.names()) { total += Files.size(files.path(name)); }
        return total;
    }
}
