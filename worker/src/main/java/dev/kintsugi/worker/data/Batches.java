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

    /// Micro-batch `microbatch` of step `step` (both from 0) holds the samples at global positions
    /// `(step * microbatchesPerStep + microbatch) * B + b`, whichever rank computes it.
    ///
    /// @param ids (N) I32, receives the tokens
    /// @param labels (N) I32, receives `ids[t + 1]` within each sample and [#NO_LABEL] at its end
    public static void fill(TokenBlocks blocks, SampleOrder order, long step, int microbatch, int microbatchesPerStep, int B, Tensor ids,
            Tensor labels) {
        int T = blocks.blockLength();
        checkTensor("ids", ids, (long) B * T);
        checkTensor("labels", labels, (long) B * T);
        if (step < 0 || microbatch < 0 || microbatch >= microbatchesPerStep) {
            throw new IllegalArgumentException("step=%d microbatch=%d of %d; out of range".formatted(step, microbatch, microbatchesPerStep));
        }
        long first = Math.multiplyExact(Math.addExact(Math.multiplyExact(step, microbatchesPerStep), microbatch), B);
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
