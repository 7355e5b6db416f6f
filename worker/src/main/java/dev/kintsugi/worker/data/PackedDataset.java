package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.failure.WorldException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Packs a dataset the `wrapped` way, TRL's: the tokens of all documents in order, an end-of-text token after each, cut into blocks
/// of `max_length`; the tokens that fill no block are dropped.
///
/// Rank 0 prepares an index file once; every rank opens it. The file's name is a digest of all its bytes depend on, so that a job
/// that starts again, or another one on the same text, finds it there.
public final class PackedDataset {
    private static final int REPORT_TOKENS = 1 << 18;

    private PackedDataset() {
    }

    /// Told now and then how far the tokenizing is.
    @FunctionalInterface
    public interface Progress {
        void update(long bytesRead, long bytesTotal, long tokens);
    }

    /// @return the index file, `<outputDir>/data/<digest>.tokens`, found or made
    /// @throws CallerException if the dataset or the tokenizer is missing or malformed, or too short for one block
    public static Path prepare(DatasetConfig config, Progress progress) {
        DatasetFiles files = DatasetFiles.find(config.datasetName());
        if (Files.exists(config.outputDir()) && !Files.isDirectory(config.outputDir())) {
            throw new CallerException("output_dir=%s is not a directory; choose another --output_dir".formatted(config.outputDir()));
        }
        try (Tokenizer tokenizer = Tokenizer.open(config.tokenizer())) {
            checkTokenizer(config, tokenizer);
            Path target = config.outputDir().resolve("data").resolve(DatasetDigest.of(config, files, tokenizer) + ".tokens");
            if (!isGood(target)) { write(config, files, tokenizer, target, progress); }
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

    private static void checkTokenizer(DatasetConfig config, Tokenizer tokenizer) {
        if (config.appendConcatToken() && tokenizer.eosId().isEmpty()) {
            throw new CallerException(("tokenizer %s: no eos_token in the tokenizer_config.json beside it; name one, or turn it off with "
                    + "--append_concat_token False").formatted(tokenizer.file()));
        }
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

    private static void write(DatasetConfig config, DatasetFiles files, Tokenizer tokenizer, Path target, Progress progress)
            throws IOException {
        Files.createDirectories(target.getParent());
        long bytesTotal = totalBytes(files);
        Documents documents = new Documents(files, config.textField(), tokenizer);
        int[] separator = config.appendConcatToken() ? new int[] {tokenizer.eosId().getAsInt()} : new int[0];
        try (TokenFileWriter writer = new TokenFileWriter(target, config.maxLength())) {
            Reporter ids = new Reporter(writer, config.vocabSize(), tokenizer, () -> progress.update(documents.bytesRead(), bytesTotal, writer.tokens()));
            try (ParallelTokenizer parallel = new ParallelTokenizer(tokenizer, config.addSpecialTokens(), separator, config.threads(), ids::accept)) {
                documents.forEach(parallel::accept);
                parallel.finish();
            }
            progress.update(bytesTotal, bytesTotal, writer.tokens());
            checkLength(config, writer);
            writer.commit();
        }
    }

    private static long totalBytes(DatasetFiles files) throws IOException {
        long total = 0;
        for (String name : files.names()) { total += Files.size(files.path(name)); }
        return total;
    }

    private static void checkLength(DatasetConfig config, TokenFileWriter writer) {
        if (writer.blocks() == 0) {
            throw new CallerException(("dataset_name=%s has %d tokens, fewer than one block of max_length=%d; give more text or a smaller "
                    + "--max_length").formatted(config.datasetName(), writer.tokens(), config.maxLength()));
        }
    }

    /// Between tokenizer and file: checks the ids and reports.
    private static final class Reporter {
        private final TokenFileWriter writer;
        private final int vocabSize;
        private final Tokenizer tokenizer;
        private final Runnable report;
        private long reported;

        Reporter(TokenFileWriter writer, int vocabSize, Tokenizer tokenizer, Runnable report) {
            this.writer = writer;
            this.vocabSize = vocabSize;
            this.tokenizer = tokenizer;
            this.report = report;
        }

        void accept(int[] ids) {
            for (int id : ids) {
                if (id >= vocabSize) {
                    throw new CallerException(("tokenizer %s gives token %d, but the model's vocab_size=%d; use the model's own tokenizer, or "
                            + "a config.json with vocab_size=%d").formatted(tokenizer.file(), id, vocabSize, tokenizer.vocabSize()));
                }
            }
            writer.append(ids);
            if (writer.tokens() - reported >= REPORT_TOKENS) {
                reported = writer.tokens();
                report.run();
            }
        }
    }
}
