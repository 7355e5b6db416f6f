package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import dev.kintsugi.sharding.architecture.Activation;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// GELU (Hendrycks and Gimpel 2016) of f32 or bf16: `x P(x)`, P the normal distribution or its approximation `sigmoid(2 u(x))`. One thread.
///
/// The distribution comes from the complementary error function's Chebyshev fit, whose relative error is under 1.2e-7 everywhere
/// (Press et al., Numerical Recipes, section 6.2), so that its lower tail is as exact as its middle.
final class Gelu {
    private static final float[] ERFC = {0.17087277f, -0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f, -0.18628806f, 0.09678418f, 0.37409196f,
            1.00002368f, -1.26551223f};
    private static final float SQRT_HALF = 0.70710678f;
    private static final float DENSITY = 0.39894228f;               // 1 / sqrt(2 pi)
    private static final float SLOPE = 1.5957691f;                  // 2 sqrt(2 / pi): u = SLOPE / 2 (x + CUBE x^3)
    private static final float CUBE = 0.044715f;

    private final float[] x = new float[Rows.PIECE];
    private final float[] p = new float[Rows.PIECE];
    private final float[] s = new float[Rows.PIECE];
    private final float[] d = new float[Rows.PIECE];

    void forward(MemorySegment y, MemorySegment xs, Activation kind, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            Rows.read(x, xs, at, n, bf16);
            distribution(kind, n);
            Loops.multiply(x, p, n);
            Rows.write(y, at, x, n, bf16);
        }
    }

    /// `dx = dy (P(x) + x P'(x))`; also `y = x P(x)` once more.
    void backward(MemorySegment dx, MemorySegment y, MemorySegment dy, MemorySegment xs, Activation kind, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = (int) Math.min(Rows.PIECE, numel - at);
            Rows.read(x, xs, at, n, bf16);
            Rows.read(d, dy, at, n, bf16);
            distribution(kind, n);
            switch (kind) {
                case GELU -> Loops.normalDensity(s, x, n);
                case GELU_TANH -> Loops.logisticDensity(s, x, p, n);
            }
            Loops.gradient(d, x, p, s, n);
            Loops.multiply(x, p, n);
            Rows.write(dx, at, d, n, bf16);
            Rows.write(y, at, x, n, bf16);
        }
    }

    private void distribution(Activation kind, int n) {
        switch (kind) {
            case GELU -> Loops.normal(p, x, n);
            case GELU_TANH -> Loops.logistic(p, x, n);
        }
    }

    /// See [Rows].
    private static final class Loops {
        static void normal(float[] p, float[] x, int n) {
            for (int i = 0; i < n; i += L) {
                var v = FloatVector.fromArray(F, x, i);
                var z = v.abs().mul(SQRT_HALF);
                var t = splat(1f).div(z.fma(splat(0.5f), splat(1f)));
                var poly = splat(ERFC[0]).fma(t, splat(ERFC[1])).fma(t, splat(ERFC[2])).fma(t, splat(ERFC[3])).fma(t, splat(ERFC[4]))
                        .fma(t, splat(ERFC[5])).fma(t, splat(ERFC[6])).fma(t, splat(ERFC[7])).fma(t, splat(ERFC[8])).fma(t, splat(ERFC[9]));
                var tail = Exp.exp(z.neg().fma(z, poly)).mul(t).mul(0.5f);
                splat(1f).sub(tail).blend(tail, v.compare(VectorOperators.LT, 0f)).intoArray(p, i);
            }
        }

        static void normalDensity(float[] s, float[] x, int n) {
            for (int i = 0; i < n; i += L) {
                var v = FloatVector.fromArray(F, x, i);
                Exp.exp(v.mul(v).mul(-0.5f)).mul(DENSITY).intoArray(s, i);
            }
        }

        static void logistic(float[] p, float[] x, int n) {
            for (int i = 0; i < n; i += L) {
                var v = FloatVector.fromArray(F, x, i);
                var twiceU = v.mul(v).fma(splat(CUBE), splat(1f)).mul(v).mul(SLOPE);
                splat(1f).div(Exp.exp(twiceU.neg()).add(1f)).intoArray(p, i);
            }
        }

        static void logisticDensity(float[] s, float[] x, float[] p, int n) {
            for (int i = 0; i < n; i += L) {
                var v = FloatVector.fromArray(F, x, i);
                var q = FloatVector.fromArray(F, p, i);
                var slope = v.mul(v).fma(splat(3 * CUBE), splat(1f)).mul(SLOPE);
                splat(1f).sub(q).mul(q).mul(slope).intoArray(s, i);
            }
        }

        /// `dy` becomes dx.
        static void gradient(float[] dy, float[] x, float[] p, float[] s, int n) {
            for (int i = 0; i < n; i += L) {
                var slope = FloatVector.fromArray(F, x, i).fma(FloatVector.fromArray(F, s, i), FloatVector.fromArray(F, p, i));
                FloatVector.fromArray(F, dy, i).mul(slope).intoArray(dy, i);
            }
        }

        /// `x *= p`.
        static void multiply(float[] x, float[] p, int n) {
            for (int i = 0; i < n; i += L) { FloatVector.fromArray(F, x, i).mul(FloatVector.fromArray(F, p, i)).intoArray(x, i); }
        }
    }
}
