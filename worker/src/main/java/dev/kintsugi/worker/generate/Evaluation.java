package dev.kintsugi.worker.generate;

import dev.kintsugi.worker.data.BlockStream;
import dev.kintsugi.worker.failure.CallerException;
import dev.kintsugi.worker.model.DecoderInference;

/// A model's loss on a dataset: the mean cross entropy over all predicted tokens.
///
/// @param tokens predicted: a block of N tokens predicts N - 1
record Evaluation(double loss, long tokens) {
    double perplexity() {
        return Math.exp(loss);
    }

    /// Told after each block.
    @FunctionalInterface
    interface Progress {
        void update(long tokens, double meanLoss);
    }

    /// The tokens of all documents, with nothing added to them, in blocks of `maxLength`; those that fill no block are dropped.
    ///
    /// @throws CallerException if they fill not even one
    static Evaluation of(LoadedModel model, String datasetName, String textField, int maxLength, Progress progress) {
        var sum = new Sum();
        try (DecoderInference inference = model.inference(maxLength)) {
            long read = BlockStream.forEach(datasetName, textField, model.tokenizer(), maxLength, block -> {
                model.checkIds(block);
                sum.add(inference.lossSum(block), block.length - 1);
                progress.update(sum.tokens, sum.mean());
            });
            if (sum.tokens == 0) {
                throw new CallerException("dataset=%s has %d tokens, fewer than one block of max_length=%d; give more text or a smaller --max_length"
                        .formatted(datasetName, read, maxLength));
            }
        }
        return new Evaluation(sum.mean(), sum.tokens);
    }

    private static final class Sum {
        private double loss;
        private long tokens;

        void add(double blockLoss, long blockTokens) {
            loss += blockLoss;
            tokens += blockTokens;
        }

        double mean() {
            return loss / tokens;
        }
    }
}
