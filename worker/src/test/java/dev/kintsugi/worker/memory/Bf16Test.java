package dev.kintsugi.worker.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class Bf16Test {
    private static final int N = 1003;        // not whole vectors

    @Test
    void shouldRoundToTheNearestAndTiesToEven() {
        assertThat(rounded(1f)).isEqualTo(1f);
        assertThat(rounded(1f + 0x1p-8f)).as("half way, down to even").isEqualTo(1f);
        assertThat(rounded(1f + 0x1p-7f + 0x1p-8f)).as("half way, up to even").isEqualTo(1f + 0x1p-6f);
        assertThat(rounded(1f + 0x1.01p-8f)).isEqualTo(1f + 0x1p-7f);
        assertThat(rounded(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(rounded(-0f)).isEqualTo(-0f);
        assertThat(rounded(Float.intBitsToFloat(0x7fffffff))).isNaN();
        assertThat(rounded(Float.intBitsToFloat(0xff800001))).isNaN();
    }

    @Test
    void shouldGiveTheSameInVectorsAsOneByOne() {
        var random = new Random(7);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment wide = arena.allocate(N * 4);
            MemorySegment narrow = arena.allocate(N * 2);
            for (int i = 0; i < N; i++) { wide.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt()); }        // NaNs and denormals among them
            Bf16.narrow(wide, 0, narrow, 0, N);
            for (int i = 0; i < N; i++) {
                float x = wide.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                assertThat(narrow.getAtIndex(ValueLayout.JAVA_SHORT, i)).as("%s", x).isEqualTo(Bf16.bits(x));
            }
            FloatVector loaded = Bf16.load(narrow, 3);
            for (int lane = 0; lane < loaded.length(); lane++) { assertThat(loaded.lane(lane)).isEqualTo(Bf16.get(narrow, 3 + lane)); }
        }
    }

    private static float rounded(float x) {
        return Float.intBitsToFloat(Bf16.bits(x) << 16);
    }
}
