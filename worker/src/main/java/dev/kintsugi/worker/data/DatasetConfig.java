package dev.kintsugi.worker.data;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Path;

/// What the index file depends on, and where it goes.
///
/// @param datasetName file, directory or glob, as given with `--dataset_name`
/// @param split whose files alone are read; empty: all files
/// @param tokenizer directory with tokenizer.json, or that file
/// @param vocabSize rows of the model's embedding; no token id may reach it
/// @param outputDir the job's; the index goes to its `data` folder
/// @param threads that tokenise; changes no bit
public record DatasetConfig(String datasetName, String split, Path tokenizer, SampleSettings samples, int vocabSize, Path outputDir, int threads) {
    public DatasetConfig {
        requireNonNull(split, "split is null");
        requireNonNull(samples, "samples is null");
        requireNonNull(tokenizer, "tokenizer is null");
        requireNonNull(outputDir, "outputDir is null");
        if (datasetName == null || datasetName.isBlank()) {
            throw new CallerException("--dataset_name is empty; give a text, .jsonl or .csv file, a directory or a glob");
        }
        if (vocabSize < 1 || threads < 1) {
            throw new IllegalArgumentException("vocabSize=%d threads=%d; both must be >= 1".formatted(vocabSize, threads));
        }
    }
}
