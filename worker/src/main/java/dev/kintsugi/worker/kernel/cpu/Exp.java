package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// `exp` in f32, within 2 ulp: `exp(x) = 2^k p(r)`, `k = round(x / ln 2)`, `r = x - k ln 2`, by fused multiply-adds only.
///
/// The JDK's `lanewise(EXP)` calls a vector library once compiled and `Math.exp` before that, so a result would depend on how
/// warm the code is. Here both twins give the same bits at any time. Results under 2^-125.5 are 0 (no denormals, which are a
/// hundred times slower); arguments above 88.37 give infinity; NaN stays NaN.
final class Exp {
    static final float LOG2E = 1.44269504f;
    static final float LN2_HIGH = 0.693359375f;           // exact in 9 bits, so k * LN2_HIGH is exact
    static final float LN2_LOW = -2.12194440e-4f;
    static final float ROUND = 0x1.8p23f;                 // adding it leaves k in the low mantissa bits
    /// Bits of ROUND less the exponent's bias, so that the difference is `k + 127`, the exponent of 2^k.
    static final int SCALE_BIAS = 0x4B400000 - 127;
    static final float LOWEST = -87f;
    static final float HIGHEST = 89f;
    // 1/n! with the last two adjusted for |r| <= ln(2) / 2 (Cephes expf).
    static final float C2 = 5.0000001201e-1f;
    static final float C3 = 1.6666665459e-1f;
    static final float C4 = 4.1665795894e-2f;
    static final float C5 = 8.3334519073e-3f;
    static final float C6 = 1.3981999507e-3f;
    static final float C7 = 1.9875691500e-4f;
    private static final VectorSpecies<Integer> I = F.withLanes(int.class);

    private Exp() {}

    static FloatVector exp(FloatVector v) {
        var x = v.blend(HIGHEST, v.compare(VectorOperators.GT, HIGHEST));
        var shifted = x.fma(Lanes.splat(LOG2E), Lanes.splat(ROUND));
        var k = shifted.sub(ROUND);
        var r = k.fma(Lanes.splat(-LN2_LOW), k.fma(Lanes.splat(-LN2_HIGH), x));
        var p = Lanes.splat(C7).fma(r, Lanes.splat(C6)).fma(r, Lanes.splat(C5)).fma(r, Lanes.splat(C4))
                .fma(r, Lanes.splat(C3)).fma(r, Lanes.splat(C2));
        var y = p.fma(r.mul(r), r).add(1f);
        var scale = shifted.viewAsIntegralLanes().sub(IntVector.broadcast(I, SCALE_BIAS)).lanewise(VectorOperators.LSHL, 23);
        return y.mul(scale.viewAsFloatingLanes()).blend(0f, v.compare(VectorOperators.LT, LOWEST));
    }

    static float exp(float v) {
        float x = v > HIGHEST ? HIGHEST : v;
        float shifted = Math.fma(x, LOG2E, ROUND);
        float k = shifted - ROUND;
        float r = Math.fma(k, -LN2_LOW, Math.fma(k, -LN2_HIGH, x));
        float p = Math.fma(Math.fma(Math.fma(Math.fma(Math.fma(C7, r, C6), r, C5), r, C4), r, C3), r, C2);
        float y = Math.fma(p, r * r, r) + 1f;
        float scale = Float.intBitsToFloat((Float.floatToRawIntBits(shifted) - SCALE_BIAS) << 23);
        return v < LOWEST ? 0f : y * scale;
    }
}
