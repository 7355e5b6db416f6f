package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import dev.kintsugi.worker.kernel.Kernels.Sgd;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Gradient descent as PyTorch computes it, one pass over memory.
///
/// ```
/// d = g + wd p     m = momentum m + rise d     p -= lr (nesterov: d + momentum m, else m; without momentum d)
/// ```
final class SgdUpdate {
    private final float gradScale;
    private final float decay;
    private final float momentum;
    private final float rise;
    private final boolean nesterov;
    private final float rate;

    private SgdUpdate(Sgd step) {
        gradScale = (float) step.gradScale();
        decay = (float) step.weightDecay();
        momentum = (float) step.momentum();
        rise = (float) step.rise();
        nesterov = step.nesterov();
        rate = (float) -step.learningRate();
    }

    /// @param m null without momentum
    /// @return the sum of squares of what was added to p
    static double update(MemorySegment p, MemorySegment m, MemorySegment g, Sgd step, long n) {
        var update = new SgdUpdate(step);
        return m == null ? update.plain(p, g, n) : update.withMomentum(p, m, g, n);
    }

    private double plain(MemorySegment p, MemorySegment g, long n) {
        long whole = Lanes.whole(n);
        var squares = FloatVector.zero(F);
        for (long i = 0; i < whole; i += L) {
            long at = i * 4;
            var pv = load(p, at);
            var d = pv.fma(splat(decay), load(g, at).mul(gradScale));
            var added = d.mul(rate);
            squares = added.fma(added, squares);
            store(d.fma(splat(rate), pv), p, at);
        }
        return squares.reduceLanes(VectorOperators.ADD) + (whole < n ? plainTail(p, g, whole, n) : 0);
    }

    private double plainTail(MemorySegment p, MemorySegment g, long from, long n) {
        double squares = 0;
        for (long i = from; i < n; i++) {
            long at = i * 4;
            float pv = p.get(FLOAT, at);
            float d = Math.fma(pv, decay, g.get(FLOAT, at) * gradScale);
            squares += (double) (d * rate) * (d * rate);
            p.set(FLOAT, at, Math.fma(d, rate, pv));
        }
        return squares;
    }

    private double withMomentum(MemorySegment p, MemorySegment m, MemorySegment g, long n) {
        float ahead = nesterov ? momentum : 1;
        float own = nesterov ? 1 : 0;
        long whole = Lanes.whole(n);
        var squares = FloatVector.zero(F);
        for (long i = 0; i < whole; i += L) {
            long at = i * 4;
            var pv = load(p, at);
            var d = pv.fma(splat(decay), load(g, at).mul(gradScale));
            var mv = d.fma(splat(rise), load(m, at).mul(momentum));
            store(mv, m, at);
            var direction = mv.fma(splat(ahead), d.mul(own));
            var added = direction.mul(rate);
            squares = added.fma(added, squares);
            store(direction.fma(splat(rate), pv), p, at);
        }
        return squares.reduceLanes(VectorOperators.ADD) + (whole < n ? momentumTail(p, m, g, whole, n, ahead, own) : 0);
    }

    private double momentumTail(MemorySegment p, MemorySegment m, MemorySegment g, long from, long n, float ahead, float own) {
        double squares = 0;
        for (long i = from; i < n; i++) {
            long at = i * 4;
            float pv = p.get(FLOAT, at);
            float d = Math.fma(pv, decay, g.get(FLOAT, at) * gradScale);
            float mv = Math.fma(d, rise, m.get(FLOAT, at) * momentum);
            m.set(FLOAT, at, mv);
            float direction = Math.fma(mv, ahead, d * own);
            squares += (double) (direction * rate) * (direction * rate);
            p.set(FLOAT, at, Math.fma(direction, rate, pv));
        }
        return squares;
    }
}
