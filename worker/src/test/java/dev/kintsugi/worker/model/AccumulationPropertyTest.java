package dev.kintsugi.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.data.Batches;
import dev.kintsugi.worker.data.SampleOrder;
import dev.kintsugi.worker.data.TokenBlocks;
import dev.kintsugi.worker.kernel.reference.ReferenceKernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Accumulating k micro-batches is one batch k times larger, whatever the samples' lengths and however many of their tokens count; and a sample of several
/// examples is these examples one by one.
class AccumulationPropertyTest {
    private static final int LONGEST = 45;

    /// Samples of 2 to 45 tokens, of which some, up to all but one, are only read.
    ///
    /// @param isJoined whether samples are of several, each of which begins with a word that says so
    private record RandomSamples(int[][] words, boolean isJoined) implements TokenBlocks {
        static RandomSamples of(Random random, int count, int vocabulary) {
            var words = new int[count][];
            for (int i = 0; i < count; i++) {
                int length = random.nextInt(2, LONGEST + 1);
                double share = random.nextDouble();
                words[i] = random.ints(length, 0, vocabulary).map(id -> random.nextDouble() < share ? id | 1 << 31 : id).toArray();
                words[i][length - 1] &= (1 << 30) - 1;
            }
            return new RandomSamples(words, false);
        }

        /// Each two, one behind the other.
        RandomSamples joined() {
            var pairs = new int[words.length / 2][];
            for (int i = 0; i < pairs.length; i++) {
                int[] first = words[2 * i];
                int[] second = words[2 * i + 1];
                pairs[i] = Arrays.copyOf(first, first.length + second.length);
                System.arraycopy(second, 0, pairs[i], first.length, second.length);
                pairs[i][0] |= 1 << 30;
                pairs[i][first.length] |= 1 << 30;
            }
            return new RandomSamples(pairs, true);
        }

        @Override
        public long size() {
            return words.length;
        }

        @Override
        public int blockLength() {
            return isJoined ? 2 * LONGEST : LONGEST;
        }

        @Override
        public int length(long index) {
            return words[(int) index].length;
        }

        @Override
        public long counted(long index) {
            return Arrays.stream(words[(int) index]).skip(1).filter(w -> w >= 0 && (w & 1 << 30) == 0).count();
        }

        @Override
        public void read(long index, MemorySegment into, long offsetBytes) {
            MemorySegment.copy(words[(int) index], 0, into, ValueLayout.JAVA_INT, offsetBytes, length(index));
        }

        @Override
        public String digest() {
            return "";
        }

        @Override
        public void close() {
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void shouldBeOneLargerBatch(long seed) {
        var random = new Random(seed);
        ModelConfig config = RandomConfigs.next(random);
        int B = random.nextInt(1, 3);
        int k = random.nextInt(2, 5);
        var samples = RandomSamples.of(random, 20, config.vocabSize());
        var order = new SampleOrder(seed, samples.size());
        double[] parts = step(config, samples, order, B, k, seed);
        double[] whole = step(config, samples, order, B * k, 1, seed);
        for (int i = 0; i < whole.length; i++) {
            assertThat(parts[i]).as("seed=%d element %d", seed, i).isCloseTo(whole[i], within(1e-11 * (1 + Math.abs(whole[i]))));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void shouldBeItsExamplesOneByOne(long seed) {
        var random = new Random(100 + seed);
        ModelConfig config = RandomConfigs.next(random);
        var samples = RandomSamples.of(random, 12, config.vocabSize());
        double[] alone = step(config, samples, new SampleOrder(SampleOrder.Sampling.SEQUENTIAL, 0, 12), 4, 3, seed);
        double[] joined = step(config, samples.joined(), new SampleOrder(SampleOrder.Sampling.SEQUENTIAL, 0, 6), 2, 3, seed);
        for (int i = 0; i < alone.length; i++) {
            assertThat(joined[i]).as("seed=%d element %d", seed, i).isCloseTo(alone[i], within(1e-11 * (1 + Math.abs(alone[i]))));
        }
    }

    /// @return the mean loss, then all gradients
    private static double[] step(ModelConfig config, TokenBlocks samples, SampleOrder order, int B, int microbatches, long seed) {
        try (Arena memory = Arena.ofConfined(); StepArena arena = StepArena.ofBytes(1 << 26)) {
            var model = new MicroBatch(config, new ReferenceKernels(), DType.F64, samples.blockLength(), memory);
            model.initialise(seed);
            long counted = Batches.totals(samples, order, 0, (long) B * microbatches).counted();
            double loss = 0;
            for (int m = 0; m < microbatches; m++) {
                Tensor ids = ints(memory, B, samples.blockLength());
                Tensor labels = ints(memory, B, samples.blockLength());
                Tensor positions = samples.isJoined() ? ints(memory, B, samples.blockLength()) : null;
                int T = Batches.fill(samples, order, (long) m * B, B, ids, labels, positions);
                model.positions = positions == null ? null : positions.rows(0, (long) B * T).reshape(B, T);
                loss += model.run(arena, ids.rows(0, (long) B * T), labels.rows(0, (long) B * T), B, T, 1.0 / counted, ActivationCheckpointing.NONE);
            }
            var all = new java.util.ArrayList<Double>();
            all.add(loss / counted);
            for (MemorySegment g : model.gradients) {
                for (long i = 0; i < g.byteSize() / Double.BYTES; i++) { all.add(g.getAtIndex(ValueLayout.JAVA_DOUBLE, i)); }
            }
            return all.stream().mapToDouble(Double::doubleValue).toArray();
        }
    }

    private static Tensor ints(Arena memory, int B, int longest) {
        return new Tensor(memory.allocate(4L * B * longest), DType.I32, (long) B * longest);
    }
}
