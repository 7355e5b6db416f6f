package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatchesTest {
    private static final int T = 5;

    /// Block i holds 100 i, 100 i + 1, ...
    private static final TokenBlocks NUMBERED = new TokenBlocks() {
        @Override
        public long size() {
            return 11;
        }

        @Override
        public int blockLength() {
            return T;
        }

        @Override
        public int length(long index) {
            return T;
        }

        @Override
        public long counted(long index) {
            return T - 1;
        }

        @Override
        public void read(long index, MemorySegment into, long offsetBytes) {
            for (int t = 0; t < T; t++) { into.set(ValueLayout.JAVA_INT, offsetBytes + 4L * t, (int) (100 * index + t)); }
        }

        @Override
        public String digest() {
            return "";
        }

        @Override
        public void close() {
        }
    };

    @Test
    void shouldTakeTheSamplesAtItsGlobalPositions() {
        SampleOrder order = new SampleOrder(3, NUMBERED.size());
        int B = 2;
        int microbatches = 3;
        for (int step = 0; step < 4; step++) {
            for (int m = 0; m < microbatches; m++) {
                Tensor ids = tensor(B * T);
                Tensor labels = tensor(B * T);
                Batches.fill(NUMBERED, order, (step * microbatches + m) * B, B, ids, labels);
                for (int b = 0; b < B; b++) {
                    int first = 100 * (int) order.blockIndex((step * microbatches + m) * B + b);
                    int[] sample = IntStream.range(first, first + T).toArray();
                    int[] expectedLabels = Arrays.copyOf(IntStream.range(first + 1, first + T).toArray(), T);
                    expectedLabels[T - 1] = Batches.NO_LABEL;
                    assertThat(row(ids, b)).containsExactly(sample);
                    assertThat(row(labels, b)).containsExactly(expectedLabels);
                }
            }
        }
    }

    @Test
    void shouldRefuseTensorsOfAnotherSize() {
        SampleOrder order = new SampleOrder(3, NUMBERED.size());
        assertThatThrownBy(() -> Batches.fill(NUMBERED, order, 0, 2, tensor(T), tensor(2 * T)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("ids");
        assertThatThrownBy(() -> Batches.fill(NUMBERED, order, -1, 1, tensor(T), tensor(T)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("first=-1");
    }

    private static Tensor tensor(int numel) {
        return new Tensor(Arena.ofAuto().allocate(4L * numel), DType.I32, numel);
    }

    private static int[] row(Tensor tensor, int b) {
        return tensor.data().asSlice(4L * b * T, 4L * T).toArray(ValueLayout.JAVA_INT);
    }
}
