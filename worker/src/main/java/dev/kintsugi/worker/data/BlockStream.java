package dev.kintsugi.worker.data;

import dev.kintsugi.worker.failure.CallerException;
import java.util.function.Consumer;

/// The tokens of a dataset in blocks, one after another, for evaluation: nothing is added to the documents' tokens.
public final class BlockStream {
    private final int[] block;
    private final Consumer<int[]> onBlock;
    private int filled;
    private long tokens;

    private BlockStream(int blockLength, Consumer<int[]> onBlock) {
        this.block = new int[blockLength];
        this.onBlock = onBlock;
    }

    /// @param onBlock borrows each full block; the last, if not full, is dropped
    /// @return tokens read
    /// @throws CallerException if the dataset is missing or malformed
    public static long forEach(String datasetName, String textField, Tokenizer tokenizer, int blockLength, Consumer<int[]> onBlock) {
        var stream = new BlockStream(blockLength, onBlock);
        new Documents(DatasetFiles.find(datasetName, ""), textField, tokenizer).forEach(new Documents.Examples() {
            @Override
            public void accept(String text, boolean first, boolean last) {
                stream.append(tokenizer.encode(text, false));
            }

            @Override
            public void accept(Example example, String place) {
                throw new CallerException("dataset file %s: %s; evaluation takes plain text; name its field with --dataset_text_field"
                        .formatted(place, example.form().label()));
            }
        });
        return stream.tokens;
    }

    private void append(int[] ids) {
        for (int id : ids) {
            block[filled++] = id;
            if (filled == block.length) {
                onBlock.accept(block);
                filled = 0;
            }
        }
        tokens += ids.length;
    }
}
