package dev.kintsugi.worker.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleOrderPropertyTest {
    private static final long SEED = Long.getLong("test.seed", new Random().nextLong());

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 64, 65, 100, 255, 256, 257, 1000, 4097, 65_537})
    void shouldUseEverySampleOncePerEpoch(long size) {
        SampleOrder order = new SampleOrder(SEED, size);
        for (int epoch = 0; epoch < 3; epoch++) {
            BitSet seen = new BitSet();
            for (long p = 0; p < size; p++) {
                long index = order.blockIndex(epoch * size + p);
                assertThat(index).as("seed=%d epoch=%d p=%d", SEED, epoch, p).isBetween(0L, size - 1);
                seen.set((int) index);
            }
            assertThat(seen.cardinality()).as("seed=%d epoch=%d", SEED, epoch).isEqualTo((int) size);
        }
    }

    @Test
    void shouldShuffleEachEpochAndSeedAnew() {
        assertThat(epoch(new SampleOrder(SEED, 1000), 0)).isNotEqualTo(epoch(new SampleOrder(SEED, 1000), 1));
        assertThat(epoch(new SampleOrder(SEED, 1000), 0)).isNotEqualTo(epoch(new SampleOrder(SEED + 1, 1000), 0));
        assertThat(epoch(new SampleOrder(SEED, 1000), 0)).isNotEqualTo(LongStream.range(0, 1000).toArray());
    }

    /// Chi-squared of where each of 10 samples lands over 20,000 shuffles: 81 degrees of freedom, mean 81, standard deviation 12.7.
    /// 150 is 5.4 deviations away; a fixed seed, so that it cannot fail by chance.
    @Test
    void shouldPutEachSampleEverywhereEquallyOften() {
        int[][] counts = new int[10][10];
        int shuffles = 20_000;
        for (int epoch = 0; epoch < shuffles; epoch++) {
            long[] order = epoch(new SampleOrder(42, 10), epoch);
            for (int p = 0; p < 10; p++) { counts[p][(int) order[p]]++; }
        }
        double chiSquared = 0;
        for (int[] row : counts) {
            for (int count : row) { chiSquared += Math.pow(count - shuffles / 10.0, 2) / (shuffles / 10.0); }
        }
        assertThat(chiSquared).isLessThan(150);
    }

    /// The order is part of what a checkpoint means: changing it would change every resumed run.
    @Test
    void shouldStayTheOrderItIs() {
        assertThat(epoch(new SampleOrder(42, 12), 0)).containsExactly(EXPECTED);
        assertThat(new SampleOrder(7, 1L << 40).blockIndex(123_456_789_012L)).isEqualTo(EXPECTED_LARGE);
    }

    private static final long[] EXPECTED = {1, 10, 2, 4, 6, 11, 8, 3, 9, 5, 0, 7};
    private static final long EXPECTED_LARGE = 448_363_820_005L;

    private static long[] epoch(SampleOrder order, int epoch) {
        return LongStream.range(0, order.size()).map(p -> order.blockIndex(epoch * order.size() + p)).toArray();
    }

    @Test
    void shouldRefuseWhatIsOutOfRange() {
        assertThatThrownBy(() -> new SampleOrder(1, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SampleOrder(1, 5).blockIndex(-1)).isInstanceOf(IllegalArgumentException.class);
    }
}
