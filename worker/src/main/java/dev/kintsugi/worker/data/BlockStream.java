package dev.kintsugi.worker.data;

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
        DatasetFiles files = DatasetFiles.find(datasetName);
        new Documents(files, textField, tokenizer).forEach((text, _, _) -> stream.append(tokenizer.encode(text, false)));
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
