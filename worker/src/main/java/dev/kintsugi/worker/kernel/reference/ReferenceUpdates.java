package dev.kintsugi.worker.kernel.reference;

import static dev.kintsugi.worker.kernel.reference.Doubles.load;
import static dev.kintsugi.worker.kernel.reference.Doubles.store;

import dev.kintsugi.worker.kernel.Kernels.AdamW;
import dev.kintsugi.worker.kernel.Kernels.RmsProp;
import dev.kintsugi.worker.kernel.Kernels.Sgd;
import dev.kintsugi.worker.kernel.Shapes;
import dev.kintsugi.worker.memory.Tensor;

/// The optimizers' updates in f64.
final class ReferenceUpdates {
    private ReferenceUpdates() {}

    static void adamw(Tensor pTensor, Tensor mTensor, Tensor vTensor, Tensor gTensor, AdamW step) {
        double[] g = load("g", gTensor, gTensor.shape());
        double[] p = load("p", pTensor, pTensor.shape());
        double[] m = load("m", mTensor, mTensor.shape());
        double[] v = load("v", vTensor, vTensor.shape());
        if (p.length != g.length || m.length != g.length || v.length != g.length) {
            throw new IllegalArgumentException(
                    "p=%s m=%s v=%s g=%s; must have equal numel".formatted(pTensor, mTensor, vTensor, gTensor));
        }
        for (int i = 0; i < g.length; i++) {
            double grad = g[i] * step.gradScale();
            m[i] = step.beta1() * m[i] + (1 - step.beta1()) * grad;
            v[i] = step.beta2() * v[i] + (1 - step.beta2()) * grad * grad;
            double denominator = Math.sqrt(v[i] / step.biasCorrection2()) + step.epsilon();
            p[i] -= step.learningRate() * step.weightDecay() * p[i];
            p[i] -= step.learningRate() * m[i] / step.biasCorrection1() / denominator;
        }
        store(pTensor, p);
        store(mTensor, m);
        store(vTensor, v);
    }

    static double sgd(Tensor pTensor, Tensor mTensor, Tensor gTensor, Sgd step) {
        Shapes.update(pTensor, gTensor, mTensor);
        double[] g = load("g", gTensor, gTensor.shape());
        double[] p = load("p", pTensor, pTensor.shape());
        double[] m = mTensor == null ? null : load("m", mTensor, mTensor.shape());
        double squares = 0;
        for (int i = 0; i < g.length; i++) {
            double d = g[i] * step.gradScale() + step.weightDecay() * p[i];
            if (m != null) {
                m[i] = step.momentum() * m[i] + step.rise() * d;
                d = step.nesterov() ? d + step.momentum() * m[i] : m[i];
            }
            p[i] -= step.learningRate() * d;
            squares += Math.pow(step.learningRate() * d, 2);
        }
        store(pTensor, p);
        if (m != null) { store(mTensor, m); }
        return squares;
    }

    static double rmsprop(Tensor pTensor, Tensor vTensor, Tensor mTensor, Tensor meanTensor, Tensor gTensor, RmsProp step) {
        Shapes.update(pTensor, gTensor, vTensor, mTensor, meanTensor);
        double[] g = load("g", gTensor, gTensor.shape());
        double[] p = load("p", pTensor, pTensor.shape());
        double[] v = load("v", vTensor, vTensor.shape());
        double[] m = mTensor == null ? null : load("m", mTensor, mTensor.shape());
        double[] mean = meanTensor == null ? null : load("mean", meanTensor, meanTensor.shape());
        double squares = 0;
        for (int i = 0; i < g.length; i++) {
            double d = g[i] * step.gradScale() + step.weightDecay() * p[i];
            v[i] = step.alpha() * v[i] + (1 - step.alpha()) * d * d;
            double variance = v[i];
            if (mean != null) {
                mean[i] += (1 - step.alpha()) * (d - mean[i]);
                variance -= mean[i] * mean[i];
            }
            double update = d / (Math.sqrt(variance) + step.epsilon());
            if (m != null) {
                m[i] = step.momentum() * m[i] + update;
                update = m[i];
            }
            p[i] -= step.learningRate() * update;
            squares += Math.pow(step.learningRate() * update, 2);
        }
        store(pTensor, p);
        store(vTensor, v);
        if (m != null) { store(mTensor, m); }
        if (mean != null) { store(meanTensor, mean); }
        return squares;
    }
}
