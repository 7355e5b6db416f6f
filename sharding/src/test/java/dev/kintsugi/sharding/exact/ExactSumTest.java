package dev.kintsugi.sharding.exact;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.Random;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExactSumTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void shouldNotDependOnOrderOrGrouping(long seed) {
        Double[] terms = randomTerms(new Random(seed), 1000);
        double whole = sum(terms).toDouble();
        Collections.shuffle(Arrays.asList(terms), new Random(seed));
        var grouped = new ExactSum();
        for (int i = 0; i < 1000; i += 250) { grouped.add(sum(Arrays.copyOfRange(terms, i, i + 250))); }
        assertThat(Double.doubleToLongBits(grouped.toDouble())).isEqualTo(Double.doubleToLongBits(whole));
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13})
    void shouldAgreeWithBigDecimal(long seed) {
        Double[] terms = randomTerms(new Random(seed), 500);
        var exact = Arrays.stream(terms).map(BigDecimal::new).reduce(BigDecimal.ZERO, BigDecimal::add);
        assertThat(sum(terms).toDouble()).isCloseTo(exact.doubleValue(), org.assertj.core.data.Offset.offset(500 * 0x1p-96));
    }

    @Test
    void shouldCarryAcrossWords() {
        var sum = new ExactSum();
        for (double d : new double[] {0x1p-33, -0x1p-33, 0x1p31, 0x1p90, -0x1p90, 0x1p-96, -0x1p31}) { sum.add(d); }
        assertThat(sum.toDouble()).isEqualTo(0x1p-96);
    }

    @Test
    void shouldKeepTheSumThroughBytes() {
        var sum = sum(new Double[] {1.5, -2.25e10, 3e-12});
        assertThat(ExactSum.read(ByteBuffer.wrap(sum.toBytes())).toDouble()).isEqualTo(sum.toDouble());
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e30})
    void shouldBeSpoiltForGood(double term) {
        var sum = sum(new Double[] {1.0, term, -term});
        assertThat(sum.toDouble()).isNaN();
        var other = new ExactSum();
        other.add(ExactSum.read(ByteBuffer.wrap(sum.toBytes())));
        assertThat(other.toDouble()).isNaN();
    }

    private static ExactSum sum(Double[] terms) {
        var sum = new ExactSum();
        for (double t : terms) { sum.add(t); }
        return sum;
    }

    private static Double[] randomTerms(Random random, int n) {
        return DoubleStream.generate(() -> random.nextGaussian() * Math.pow(2, random.nextInt(140) - 70)).limit(n).boxed()
                .toArray(Double[]::new);
    }
}
