package dev.kintsugi.worker.data;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Fills the input of a micro-batch.
///
/// ```
/// B samples of a micro-batch   T tokens of a sample   N = B T
/// ```
public final class Batches {
    /// The label of a token whose successor is not predicted: the last of each sample.
    public static final int NO_LABEL = -100;

    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Batches() {
    }

    /// Takes B samples in their order.
    ///
    /// @param first global position of the first, which says nothing about the rank that computes it
    /// @param ids (N) I32, receives the tokens
    /// @param labels (N) I32, receives `ids[t + 1]` within each sample and [#NO_LABEL] at its end
    public static void fill(TokenBlocks blocks, SampleOrder order, long first, int B, Tensor ids, Tensor labels) {
        int T = blocks.blockLength();
        checkTensor("ids", ids, (long) B * T);
        checkTensor("labels", labels, (long) B * T);
        if (first < 0) { throw new IllegalArgumentException("first=%d; must be >= 0".formatted(first)); }
        for (int b = 0; b < B; b++) {
            long offsetBytes = (long) b * T * Integer.BYTES;
            blocks.read(order.blockIndex(first + b), ids.data(), offsetBytes);
            shift(ids.data(), labels.data(), offsetBytes, T);
        }
    }

    private static void shift(MemorySegment ids, MemorySegment labels, long offsetBytes, int T) {
        long predictedBytes = (T - 1L) * Integer.BYTES;
        MemorySegment.copy(ids, offsetBytes + Integer.BYTES, labels, offsetBytes, predictedBytes);
        labels.set(I32, offsetBytes + predictedBytes, NO_LABEL);
    }

    private static void checkTensor(String name, Tensor tensor, long numel) {
        if (tensor.dtype() != DType.I32 || tensor.numel() != numel) {
            throw new IllegalArgumentException("%s is %s; must be I32 of %d elements".formatted(name, tensor, numel));
        }
    }
}
