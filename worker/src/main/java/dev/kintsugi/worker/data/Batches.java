package dev.kintsugi.worker.data;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Fills the input of a micro-batch.
///
/// ```
/// B samples of a micro-batch   T tokens of each, padding at the end included   N = B T
/// ```
/// Padding needs no mask: no token before it sees it, and nothing that it gives is counted.
public final class Batches {
    /// The label of a token whose successor is not predicted: the last of each sample, and padding.
    public static final int NO_LABEL = -100;

    /// Micro-batches of samples of many lengths have few lengths: each new one costs the matrix products' preparation.
    private static final int LENGTH_STEP = 32;
    private static final int PADDING_ID = 0;
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Batches() {
    }

    /// Takes B samples in their order.
    ///
    /// @param first global position of the first, which says nothing about the rank that computes it
    /// @param ids (B * the greatest T) I32; its first N receive the tokens
    /// @param labels likewise the token that follows each, and [#NO_LABEL] where the loss counts none
    /// @return T: the longest sample's length, rounded up
    public static int fill(TokenBlocks blocks, SampleOrder order, long first, int B, Tensor ids, Tensor labels) {
        return fill(blocks, order, first, B, ids, labels, null);
    }

    /// The same for samples of several examples, whose first tokens nothing predicts.
    ///
    /// @param positions likewise each token's position in its own example, and padding's as if it were one; null where samples are of one example
    public static int fill(TokenBlocks blocks, SampleOrder order, long first, int B, Tensor ids, Tensor labels, Tensor positions) {
        if (blocks.isJoined() != (positions != null)) { throw new IllegalArgumentException("positions=%s; joined=%s".formatted(positions, blocks.isJoined())); }
        if (positions != null) { checkTensor("positions", positions, (long) B * blocks.blockLength()); }
        checkTensor("ids", ids, (long) B * blocks.blockLength());
        checkTensor("labels", labels, (long) B * blocks.blockLength());
        if (first < 0) { throw new IllegalArgumentException("first=%d; must be >= 0".formatted(first)); }
        int longest = 0;
        for (int b = 0; b < B; b++) { longest = Math.max(longest, blocks.length(order.blockIndex(first + b))); }
        int T = Math.min(Math.ceilDiv(longest, LENGTH_STEP) * LENGTH_STEP, blocks.blockLength());
        for (int b = 0; b < B; b++) {
            long index = order.blockIndex(first + b);
            long offsetBytes = (long) b * T * Integer.BYTES;
            blocks.read(index, ids.data(), offsetBytes);
            if (positions != null) { place(ids.data(), positions.data(), offsetBytes, blocks.length(index), T); }
            decode(ids.data(), labels.data(), offsetBytes, blocks.length(index), T);
        }
        return T;
    }

    /// Of the samples at `count` positions from `first` on.
    public record Totals(long tokens, long counted) {}

    public static Totals totals(TokenBlocks blocks, SampleOrder order, long first, long count) {
        long tokens = 0;
        long counted = 0;
        for (long position = first; position < first + count; position++) {
            long index = order.blockIndex(position);
            tokens += blocks.length(index);
            counted += blocks.counted(index);
        }
        return new Totals(tokens, counted);
    }

    /// Words to ids, in place, and labels.
    private static void decode(MemorySegment ids, MemorySegment labels, long offsetBytes, int length, int T) {
        for (int t = 0; t < T; t++) {
            long at = offsetBytes + 4L * t;
            int next = t + 1 < length ? ids.get(I32, at + 4) : TokenWord.READ_ONLY;
            labels.set(I32, at, TokenWord.counts(next) && !TokenWord.isFirst(next) ? TokenWord.id(next) : NO_LABEL);
            ids.set(I32, at, t < length ? TokenWord.id(ids.get(I32, at)) : PADDING_ID);
        }
    }

    /// Reads words, so it comes before [#decode].
    private static void place(MemorySegment words, MemorySegment positions, long offsetBytes, int length, int T) {
        int position = 0;
        for (int t = 0; t < T; t++) {
            long at = offsetBytes + 4L * t;
            boolean begins = t == length || t < length && TokenWord.isFirst(words.get(I32, at));
            if (begins) { position = 0; }
            positions.set(I32, at, position++);
        }
    }

    private static void checkTensor(String name, Tensor tensor, long numel) {
        if (tensor.dtype() != DType.I32 || tensor.numel() != numel) {
            throw new IllegalArgumentException("%s is %s; must be I32 of %d elements".formatted(name, tensor, numel));
        }
    }
}
