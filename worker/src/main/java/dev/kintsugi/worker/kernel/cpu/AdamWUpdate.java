package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import dev.kintsugi.worker.kernel.Kernels.AdamW;
import java.lang.foreign.MemorySegment;

/// AdamW (Loshchilov and Hutter 2019, algorithm 2) as PyTorch computes it, one pass over memory.
///
/// ```
/// p *= 1 - lr wd     m += (1 - beta1)(g - m)     v = beta2 v + (1 - beta2) g g     p -= (lr / bc1) m / (sqrt(v) / sqrt(bc2) + eps)
/// ```
final class AdamWUpdate {
    private AdamWUpdate() {}

    static void update(MemorySegment p, MemorySegment m, MemorySegment v, MemorySegment g, AdamW step, long n) {
        float gradScale = (float) step.gradScale();
        float decay = (float) (1 - step.learningRate() * step.weightDecay());
        float rise1 = (float) (1 - step.beta1());
        float beta2 = (float) step.beta2();
        float rise2 = (float) (1 - step.beta2());
        float rootCorrection2 = (float) Math.sqrt(step.biasCorrection2());
        float epsilon = (float) step.epsilon();
        float stepSize = (float) (step.learningRate() / step.biasCorrection1());
        long whole = Lanes.whole(n);
        for (long i = 0; i < whole; i += L) {
            long at = i * 4;
            var gv = load(g, at).mul(gradScale);
            var mv = load(m, at);
            mv = gv.sub(mv).fma(splat(rise1), mv);
            var vv = gv.mul(gv).fma(splat(rise2), load(v, at).mul(beta2));
            var root = vv.sqrt().div(rootCorrection2).add(epsilon);
            store(mv, m, at);
            store(vv, v, at);
            store(mv.div(root).fma(splat(-stepSize), load(p, at).mul(decay)), p, at);
        }
        if (whole < n) { tail(p, m, v, g, whole, n, gradScale, decay, rise1, beta2, rise2, rootCorrection2, epsilon, stepSize); }
    }

    /// Apart from the vectors' loop: were it entered with nothing to do, its range checks, which the compiler puts ahead of the loop, would fail and
    /// throw the compiled code away.
    private static void tail(MemorySegment p, MemorySegment m, MemorySegment v, MemorySegment g, long whole, long n, float gradScale, float decay,
            float rise1, float beta2, float rise2, float rootCorrection2, float epsilon, float stepSize) {
        for (long i = whole; i < n; i++) {
            long at = i * 4;
            float gv = g.get(FLOAT, at) * gradScale;
            float mv = m.get(FLOAT, at);
            mv = Math.fma(gv - mv, rise1, mv);
            float vv = Math.fma(gv * gv, rise2, v.get(FLOAT, at) * beta2);
            float root = (float) Math.sqrt(vv) / rootCorrection2 + epsilon;
            m.set(FLOAT, at, mv);
            v.set(FLOAT, at, vv);
            p.set(FLOAT, at, Math.fma(mv / root, -stepSize, p.get(FLOAT, at) * decay));
        }
    }
}
