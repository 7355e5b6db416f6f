package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import dev.kintsugi.worker.kernel.Kernels.RmsProp;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// RMSprop as PyTorch computes it, one pass over memory.
///
/// ```
/// d = g + wd p     v = alpha v + (1 - alpha) d d     a += (1 - alpha)(d - a)     u = d / (sqrt(v - a a) + eps)     m = momentum m + u     p -= lr m
/// ```
/// Without momentum m is u, and where it is not centered a is 0; vectors are for the case of neither.
final class RmsPropUpdate {
    private final float gradScale;
    private final float decay;
    private final float alpha;
    private final float rise;
    private final float epsilon;
    private final float momentum;
    private final float rate;

    private RmsPropUpdate(RmsProp step) {
        gradScale = (float) step.gradScale();
        decay = (float) step.weightDecay();
        alpha = (float) step.alpha();
        rise = (float) (1 - step.alpha());
        epsilon = (float) step.epsilon();
        momentum = (float) step.momentum();
        rate = (float) -step.learningRate();
    }

    /// @param m null without momentum
    /// @param a null unless centered
    /// @return the sum of squares of what was added to p
    static double update(MemorySegment p, MemorySegment v, MemorySegment m, MemorySegment a, MemorySegment g, RmsProp step, long n) {
        var update = new RmsPropUpdate(step);
        if (m != null || a != null) { return update.any(p, v, m, a, g, 0, n); }
        long whole = Lanes.whole(n);
        return update.plain(p, v, g, whole) + (whole < n ? update.any(p, v, null, null, g, whole, n) : 0);
    }

    private double plain(MemorySegment p, MemorySegment v, MemorySegment g, long whole) {
        var squares = FloatVector.zero(F);
        for (long i = 0; i < whole; i += L) {
            long at = i * 4;
            var pv = load(p, at);
            var d = pv.fma(splat(decay), load(g, at).mul(gradScale));
            var vv = d.mul(d).fma(splat(rise), load(v, at).mul(alpha));
            store(vv, v, at);
            var u = d.div(vv.sqrt().add(epsilon));
            var added = u.mul(rate);
            squares = added.fma(added, squares);
            store(u.fma(splat(rate), pv), p, at);
        }
        return squares.reduceLanes(VectorOperators.ADD);
    }

    private double any(MemorySegment p, MemorySegment v, MemorySegment m, MemorySegment a, MemorySegment g, long from, long n) {
        double squares = 0;
        for (long i = from; i < n; i++) {
            long at = i * 4;
            float pv = p.get(FLOAT, at);
            float d = Math.fma(pv, decay, g.get(FLOAT, at) * gradScale);
            float vv = Math.fma(d * d, rise, v.get(FLOAT, at) * alpha);
            v.set(FLOAT, at, vv);
            float variance = vv;
            if (a != null) {
                float av = Math.fma(d - a.get(FLOAT, at), rise, a.get(FLOAT, at));
                a.set(FLOAT, at, av);
                variance = Math.fma(-av, av, vv);
            }
            float u = d / ((float) Math.sqrt(variance) + epsilon);
            if (m != null) {
                u = Math.fma(m.get(FLOAT, at), momentum, u);
                m.set(FLOAT, at, u);
            }
            squares += (double) (u * rate) * (u * rate);
            p.set(FLOAT, at, Math.fma(u, rate, pv));
        }
        return squares;
    }
}
