package dev.kintsugi.worker.checkpoint.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.worker.checkpoint.SavedModel;
import dev.kintsugi.worker.checkpoint.safetensors.Sha256;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FreshWeightsTest {
    private static final ParameterSpec BIG = new ParameterSpec("model.layers.0.mlp.up_proj.weight", List.of(500L, 400L),
            new InitRule.Normal(0.02), true);

    /// The first bits ever made: a change here changes every training run from scratch.
    @Test
    void shouldMakeTheSameBitsOnEveryMachine() {
        MemorySegment w = read(BIG, 42);
        assertThat(Sha256.hex(w)).isEqualTo("fce065206953dd73378a8d3ae2b04b434382bb3feef421e49021c5c911b46280");
    }

    @Test
    void shouldBeNormalWithTheGivenDeviation() {
        MemorySegment w = read(BIG, 7);
        double n = BIG.numel();
        double sum = 0;
        double squares = 0;
        double fourth = 0;
        double lag = 0;
        for (int i = 0; i < n; i++) {
            double z = w.getAtIndex(ValueLayout.JAVA_FLOAT, i) / 0.02;
            sum += z;
            squares += z * z;
            fourth += z * z * z * z;
            if (i > 0) { lag += z * w.getAtIndex(ValueLayout.JAVA_FLOAT, i - 1) / 0.02; }
        }
        // Four standard errors of each statistic of 200,000 normal variates.
        assertThat(sum / n).isEqualTo(0, within(4 / Math.sqrt(n)));
        assertThat(squares / n).isEqualTo(1, within(4 * Math.sqrt(2 / n)));
        assertThat(fourth / n).isEqualTo(3, within(4 * Math.sqrt(96 / n)));
        assertThat(lag / n).isEqualTo(0, within(4 / Math.sqrt(n)));
    }

    @Test
    void shouldDependOnSeedAndName() {
        var other = new ParameterSpec("model.layers.1.mlp.up_proj.weight", BIG.shape(), BIG.init(), true);
        assertThat(read(BIG, 1).mismatch(read(BIG, 2))).isZero();
        assertThat(read(BIG, 1).mismatch(read(other, 1))).isZero();
        assertThat(read(BIG, 1).mismatch(read(BIG, 1))).isEqualTo(-1);
    }

    @Test
    void shouldNotDependOnTheShape() {
        var flat = new ParameterSpec(BIG.name(), List.of(100L), BIG.init(), true);
        assertThat(read(BIG, 1).asSlice(0, 400).mismatch(read(flat, 1))).isEqualTo(-1);
    }

    @Test
    void shouldMakeSomeRowsAsItMakesAll() {
        MemorySegment some = Arena.ofAuto().allocate(7 * 400 * Float.BYTES + 8);
        new FreshWeights(SavedModel.llama().model(), 42).readRaw(BIG, 311, 7, some, 8);
        assertThat(some.asSlice(8).mismatch(read(BIG, 42).asSlice(311 * 400 * Float.BYTES, 7 * 400 * Float.BYTES))).isEqualTo(-1);
    }

    @Test
    void shouldFillConstantsAtTheOffset() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(16);
            var gain = new ParameterSpec("norm", List.of(2L), new InitRule.Constant(1), false);
            new FreshWeights(SavedModel.llama().model(), 1).readRaw(gain, 0, 2, into, 4);
            assertThat(into.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(0, 1, 1, 0);
        }
    }

    /// Values of the distribution as tables print them, and mpmath's for the far tail.
    @ParameterizedTest
    @CsvSource({"0.5, 0", "0.975, 1.959963984540054", "0.9, 1.2815515655446004", "0.001, -3.090232306167813",
            "1e-10, -6.361340902404056", "1e-15, -7.941345326170997"})
    void shouldInvertTheNormalDistribution(double p, double z) {
        assertThat(NormalQuantile.of(p)).isEqualTo(z, within(1e-14 * Math.max(1, Math.abs(z))));
    }

    private static MemorySegment read(ParameterSpec p, long seed) {
        MemorySegment into = Arena.ofAuto().allocate(p.numel() * Float.BYTES);
        new FreshWeights(SavedModel.llama().model(), seed).readRaw(p, 0, p.rows(), into, 0);
        return into;
    }
}
