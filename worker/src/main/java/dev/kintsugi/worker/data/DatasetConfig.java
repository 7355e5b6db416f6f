package dev.kintsugi.worker.data;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Path;

/// What the index file depends on, and where it goes.
///
/// @param datasetName file, directory or glob, as given with `--dataset_name`
/// @param textField of a JSONL line
/// @param tokenizer directory with tokenizer.json, or that file
/// @param maxLength tokens of a block
/// @param appendConcatToken an end-of-text token after each document
/// @param addSpecialTokens the tokenizer's own special tokens around each document
/// @param vocabSize rows of the model's embedding; no token id may reach it
/// @param outputDir the job's; the index goes to its `data` folder
/// @param threads that tokenise; changes no bit
public record DatasetConfig(String datasetName, String textField, Path tokenizer, int maxLength, boolean appendConcatToken,
        boolean addSpecialTokens, int vocabSize, Path outputDir, int threads) {
    public DatasetConfig {
        requireNonNull(textField, "textField is null");
        requireNonNull(tokenizer, "tokenizer is null");
        requireNonNull(outputDir, "outputDir is null");
        if (datasetName == null || datasetName.isBlank()) {
            throw new CallerException("--dataset_name is empty; give a text or .jsonl file, a directory or a glob");
        }
        if (maxLength < 2) {
            throw new CallerException("--max_length=%d is too short; a block needs at least 2 tokens to predict one"
                    .formatted(maxLength));
        }
        if (vocabSize < 1 || threads < 1) {
            throw new IllegalArgumentException("vocabSize=%d threads=%d; both must be >= 1".formatted(vocabSize, threads));
        }
    }
}
