package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.sharding.architecture.InitRule;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WeightsDigestTest {
    private static final ParameterSpec P = new ParameterSpec("w", List.of(9L, 37L), new InitRule.Normal(1), true);

    private final MemorySegment f32 = Arena.ofAuto().allocate(4 * P.numel(), 8);

    WeightsDigestTest() {
        var random = new Random(1);
        for (int i = 0; i < P.numel(); i++) { f32.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt()); }
    }

    @Test
    void shouldNotDependOnHowRowsAreShared() {
        var first = new WeightsDigest();
        first.addRows(P, 4, 5, f32.asSlice(4 * 4 * 37));
        var second = new WeightsDigest();
        second.addRows(P, 0, 4, f32.asSlice(0, 4 * 4 * 37));
        second.add(first.toBytes());
        assertThat(second.toHex()).isEqualTo(digest(P, f32)).hasSize(64);
    }

    @Test
    void shouldChangeWithEveryBitOfEveryElementAndWithNameAndRow() {
        Set<String> seen = new HashSet<>(List.of(digest(P, f32)));
        assertThat(seen.add(digest(new ParameterSpec("v", P.shape(), P.init(), true), f32))).isTrue();
        for (int i = 0; i < P.numel(); i++) {
            for (int bit : new int[] {0, 15, 16, 31}) {
                f32.setAtIndex(ValueLayout.JAVA_INT, i, f32.getAtIndex(ValueLayout.JAVA_INT, i) ^ 1 << bit);
                assertThat(seen.add(digest(P, f32))).as("element %d, bit %d", i, bit).isTrue();
                f32.setAtIndex(ValueLayout.JAVA_INT, i, f32.getAtIndex(ValueLayout.JAVA_INT, i) ^ 1 << bit);
            }
        }
        MemorySegment swapped = Arena.ofAuto().allocate(f32.byteSize(), 8).copyFrom(f32);
        MemorySegment.copy(f32, 0, swapped, 4 * 37, 4 * 37);
        MemorySegment.copy(f32, 4 * 37, swapped, 0, 4 * 37);
        assertThat(seen.add(digest(P, swapped))).as("two rows in each other's place").isTrue();
    }

    private static String digest(ParameterSpec p, MemorySegment f32) {
        var all = new WeightsDigest();
        all.addRows(p, 0, p.rows(), f32);
        return all.toHex();
    }
}
