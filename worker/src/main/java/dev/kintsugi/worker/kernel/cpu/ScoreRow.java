package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;

import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.memory.Bf16;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// What attention does to a row of a tile of scores, of which a query sees those in `[from, seen)`. Scores are f32; what they become is f32 (and
/// may then be written over them) or bf16. A row starts at element `at` of every segment. One thread.
///
/// Scores that are not seen are negative infinity here, so that their exponentials are 0 without a question asked.
final class ScoreRow {
    private final float[] partial = new float[SUMS];
    private final float[] x = new float[Rows.padded(ScratchSizes.KEY_BLOCK)];
    private final float[] d = new float[Rows.padded(ScratchSizes.KEY_BLOCK)];
    private final short[] p16 = new short[Rows.padded(ScratchSizes.KEY_BLOCK)];
    private final short[] d16 = new short[Rows.padded(ScratchSizes.KEY_BLOCK)];

    /// Takes the scores in. Returns the largest; negative infinity when none is seen.
    float read(MemorySegment scores, long at, int from, int seen) {
        take(x, scores, at, from, seen, Float.NEGATIVE_INFINITY);
        return Rows.max(x, Rows.padded(seen));
    }

    private static void take(float[] row, MemorySegment scores, long at, int from, int seen, float unseen) {
        MemorySegment.copy(scores, Lanes.FLOAT, at * 4, row, 0, seen);
        for (int i = 0; i < from && i < seen; i++) { row[i] = unseen; }
        int padded = Rows.padded(seen);
        for (int i = seen; i < padded; i++) { row[i] = unseen; }
    }

    /// `p[i] = exp(x[i] scale - shift)` of the scores read last where seen, 0 in the rest of `columns`.
    ///
    /// @return the sum of the row
    float exponentials(MemorySegment p, long at, int seen, int columns, float scale, float shift, boolean bf16) {
        int padded = Rows.padded(seen);
        Arrays.fill(partial, 0f);
        if (bf16) {
            Loops.exponentials(p16, x, partial, padded, scale, shift);
            for (int i = padded; i < columns; i++) { p16[i] = 0; }
            Rows.write(p, at, p16, columns);
        } else {
            Loops.exponentials(x, partial, padded, scale, shift);
            for (int i = padded; i < columns; i++) { x[i] = 0; }
            Rows.write(p, at, x, columns, false);
        }
        return Lanes.pairwise(partial);
    }

    /// `p[i] = exp(x[i] scale - shift)` and its gradient `dx[i] = scale p[i] (dp[i] - delta)` where seen, both 0 in the rest of `columns`.
    void probabilitiesAndGradients(MemorySegment p, MemorySegment dx, MemorySegment scores, MemorySegment dp, long at, int from, int seen, int columns,
            float scale, float shift, float delta, boolean bf16) {
        take(x, scores, at, from, seen, Float.NEGATIVE_INFINITY);
        take(d, dp, at, from, seen, 0f);
        int padded = Rows.padded(seen);
        if (bf16) {
            Loops.gradients(p16, d16, x, d, padded, scale, shift, delta);
            for (int i = padded; i < columns; i++) {
                p16[i] = 0;
                d16[i] = 0;
            }
            Rows.write(p, at, p16, columns);
            Rows.write(dx, at, d16, columns);
        } else {
            Loops.gradients(x, d, padded, scale, shift, delta);
            for (int i = padded; i < columns; i++) {
                x[i] = 0;
                d[i] = 0;
            }
            Rows.write(p, at, x, columns, false);
            Rows.write(dx, at, d, columns, false);
        }
    }

    /// See [Rows].
    private static final class Loops {
        static void exponentials(short[] p, float[] x, float[] partial, int n, float scale, float shift) {
            for (int i = 0; i < n; i += SUMS) {
                for (int slice = 0; slice < SUMS; slice += L) {
                    var e = Exp.exp(FloatVector.fromArray(F, x, i + slice).fma(splat(scale), splat(-shift)));
                    FloatVector.fromArray(F, partial, slice).add(e).intoArray(partial, slice);
                    Bf16.store(e, p, i + slice);
                }
            }
        }

        static void exponentials(float[] x, float[] partial, int n, float scale, float shift) {
            for (int i = 0; i < n; i += SUMS) {
                for (int slice = 0; slice < SUMS; slice += L) {
                    var e = Exp.exp(FloatVector.fromArray(F, x, i + slice).fma(splat(scale), splat(-shift)));
                    FloatVector.fromArray(F, partial, slice).add(e).intoArray(partial, slice);
                    e.intoArray(x, i + slice);
                }
            }
        }

        /// [Exp#exp] and [Bf16#store] written out, less what probabilities do not need, which are at most 1 (but for rounding) or NaN of arithmetic:
        /// past some number of operations the compiler stops inlining methods that are not the Vector API's own, and a call would put
        /// its vectors into objects.
        static void gradients(short[] p, short[] dx, float[] x, float[] d, int n, float scale, float shift, float delta) {
            for (int i = 0; i < n; i += L) {
                var v = FloatVector.fromArray(F, x, i).fma(splat(scale), splat(-shift));
                var shifted = v.fma(splat(Exp.LOG2E), splat(Exp.ROUND));
                var k = shifted.sub(Exp.ROUND);
                var r = k.fma(splat(-Exp.LN2_LOW), k.fma(splat(-Exp.LN2_HIGH), v));
                var poly = splat(Exp.C7).fma(r, splat(Exp.C6)).fma(r, splat(Exp.C5)).fma(r, splat(Exp.C4)).fma(r, splat(Exp.C3)).fma(r, splat(Exp.C2));
                var power = shifted.viewAsIntegralLanes().sub(Exp.SCALE_BIAS).lanewise(VectorOperators.LSHL, 23).viewAsFloatingLanes();
                var e = poly.fma(r.mul(r), r).add(1f).mul(power).blend(0f, v.compare(VectorOperators.LT, Exp.LOWEST));
                var g = e.mul(scale).mul(FloatVector.fromArray(F, d, i).sub(delta));
                var eBits = e.reinterpretAsInts();
                var gBits = g.reinterpretAsInts();
                var eRounded = eBits.lanewise(VectorOperators.LSHR, 16).and(1).add(0x7fff).add(eBits).lanewise(VectorOperators.LSHR, 16);
                var gRounded = gBits.lanewise(VectorOperators.LSHR, 16).and(1).add(0x7fff).add(gBits).lanewise(VectorOperators.LSHR, 16);
                ((ShortVector) eRounded.convertShape(VectorOperators.I2S, Bf16.SHORTS, 0)).intoArray(p, i);
                ((ShortVector) gRounded.convertShape(VectorOperators.I2S, Bf16.SHORTS, 0)).intoArray(dx, i);
            }
        }

        /// `x` becomes p, `d` dx.
        static void gradients(float[] x, float[] d, int n, float scale, float shift, float delta) {
            for (int i = 0; i < n; i += L) {
                var e = Exp.exp(FloatVector.fromArray(F, x, i).fma(splat(scale), splat(-shift)));
                e.intoArray(x, i);
                e.mul(scale).mul(FloatVector.fromArray(F, d, i).sub(delta)).intoArray(d, i);
            }
        }
    }
}
