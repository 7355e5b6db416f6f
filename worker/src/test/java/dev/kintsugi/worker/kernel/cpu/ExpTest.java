package dev.kintsugi.worker.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class ExpTest {
    @Test
    void shouldBeWithinTwoUlpsOfExp() {
        for (float x = -87f; x < 88.3f; x += 0.0093f) {
            double exact = Math.exp(x);
            assertThat(Math.abs(Exp.exp(x) - exact)).as("x=%s", x).isLessThanOrEqualTo(2 * Math.ulp((float) exact));
        }
    }

    @Test
    void shouldGiveTheSameBitsInVectorsAndScalars() {
        var x = new float[Lanes.L];
        for (int round = 0; round < 5_000; round++) {
            for (int i = 0; i < x.length; i++) { x[i] = -100f + (round * Lanes.L + i) * 0.0025f; }
            FloatVector y = Exp.exp(FloatVector.fromArray(Lanes.F, x, 0));
            for (int i = 0; i < x.length; i++) { assertThat(y.lane(i)).isEqualTo(Exp.exp(x[i])); }
        }
    }

    @Test
    void shouldHandleTheEnds() {
        float[] x = {Float.NEGATIVE_INFINITY, -1e30f, -88f, -0f, 0f, 89f, 1e30f, Float.POSITIVE_INFINITY, Float.NaN};
        float[] y = {0, 0, 0, 1, 1, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY, Float.NaN};
        for (int i = 0; i < x.length; i++) {
            assertThat(Float.valueOf(Exp.exp(x[i]))).as("exp(%s)", x[i]).isEqualTo(Float.valueOf(y[i]));
            assertThat(Float.valueOf(Exp.exp(Lanes.splat(x[i])).lane(0))).as("vector exp(%s)", x[i]).isEqualTo(Float.valueOf(y[i]));
        }
    }
}
