package dev.kintsugi.worker.divergence;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Tensor;

/// Another device's kernels, with every result looked at as soon as it is there. Slow, and the same bits.
public final class WatchedKernels implements Kernels {
    private final Kernels device;
    private final Watch watch;

    public WatchedKernels(Kernels device, Watch watch) {
        this.device = device;
        this.watch = watch;
    }

    @Override
    public String description() {
        return device.description();
    }

    @Override
    public void fill(Tensor y, double value) {
        device.fill(y, value);
        watch.written("fill", null, y);
    }

    @Override
    public void copy(Tensor y, Tensor x) {
        device.copy(y, x);
        watch.written("copy", null, y);
    }

    @Override
    public void add(Tensor y, Tensor a, Tensor b) {
        device.add(y, a, b);
        watch.written("addition", null, y);
    }

    @Override
    public void scale(Tensor x, double factor) {
        device.scale(x, factor);
        watch.written("scaling", null, x);
    }

    @Override
    public void dropout(Tensor y, Tensor x, DropoutMask mask, long first, boolean accumulate) {
        device.dropout(y, x, mask, first, accumulate);
        watch.written("dropout", null, y);
    }

    @Override
    public void linearAdd(Tensor y, Tensor x, Tensor w) {
        device.linearAdd(y, x, w);
        watch.written("product", w, y);
    }

    @Override
    public void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        device.linear(y, x, w, bias);
        watch.written("product", w, y);
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate) {
        device.linearBackwardInput(dx, dy, w, accumulate);
        watch.written("gradient of a product's input", w, dx);
    }

    @Override
    public void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate) {
        device.linearBackwardWeight(dw, dbias, dy, x, accumulate);
        watch.written("gradient of a weight", dw, dw);
        if (dbias != null) { watch.written("gradient of a bias", dbias, dbias); }
    }

    @Override
    public void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w, double eps) {
        device.rmsNorm(y, rstd, x, w, eps);
        watch.written("RMS norm's statistic", w, rstd);
        watch.written("RMS norm", w, y);
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd) {
        device.rmsNormBackward(dx, dw, dy, x, w, rstd);
        watch.written("gradient of an RMS norm's input", w, dx);
        watch.written("gradient of an RMS norm's gain", w, dw);
    }

    @Override
    public void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b, double eps) {
        device.layerNorm(y, statistics, x, w, b, eps);
        watch.written("layer norm's statistics", w, statistics);
        watch.written("layer norm", w, y);
    }

    @Override
    public void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics) {
        device.layerNormBackward(dx, dw, db, dy, x, w, statistics);
        watch.written("gradient of a layer norm's input", w, dx);
        watch.written("gradient of a layer norm's gain", w, dw);
        watch.written("gradient of a layer norm's bias", db, db);
    }

    @Override
    public void splitHeads(Tensor q, Tensor k, Tensor v, Tensor joined, long D) {
        device.splitHeads(q, k, v, joined, D);
        watch.written("queries", null, q);
        watch.written("keys", null, k);
        watch.written("values", null, v);
    }

    @Override
    public void joinHeads(Tensor joined, Tensor q, Tensor k, Tensor v, long D) {
        device.joinHeads(joined, q, k, v, D);
        watch.written("queries, keys and values", null, joined);
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse) {
        device.rotary(x, cos, sin, firstPosition, inverse);
        watch.written("rotary embedding", null, x);
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        device.rotary(x, cos, sin, positions, inverse);
        watch.written("rotary embedding", null, x);
    }

    @Override
    public void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch) {
        device.attention(out, lse, q, k, v, mask, scratch);
        watch.written("attention's log-sum-exp", null, lse);
        watch.written("attention", null, out);
    }

    @Override
    public void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch) {
        device.attentionBackward(dq, dk, dv, dout, out, lse, q, k, v, mask, scratch);
        watch.written("gradient of attention's queries", null, dq);
        watch.written("gradient of attention's keys", null, dk);
        watch.written("gradient of attention's values", null, dv);
    }

    @Override
    public long attentionScratchNumel(long B, long T, long S, long H, long G, long D) {
        return device.attentionScratchNumel(B, T, S, H, G, D);
    }

    @Override
    public void swiglu(Tensor y, Tensor gate, Tensor up) {
        device.swiglu(y, gate, up);
        watch.written("SwiGLU", null, y);
    }

    @Override
    public void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up) {
        device.swigluBackward(dgate, dup, y, dy, gate, up);
        watch.written("gradient of SwiGLU's gate", null, dgate);
        watch.written("gradient of SwiGLU's other factor", null, dup);
    }

    @Override
    public void gelu(Tensor y, Tensor x, Activation kind) {
        device.gelu(y, x, kind);
        watch.written("GELU", null, y);
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x, Activation kind) {
        device.geluBackward(dx, y, dy, x, kind);
        watch.written("gradient of GELU's input", null, dx);
    }

    @Override
    public void embedding(Tensor y, Tensor ids, Tensor w) {
        device.embedding(y, ids, w);
        watch.written("embedding", w, y);
    }

    @Override
    public void embeddingBackward(Tensor dw, Tensor dy, Tensor ids) {
        device.embeddingBackward(dw, dy, ids);
        watch.written("gradient of the embedding", dw, dw);
    }

    @Override
    public double crossEntropy(Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient) {
        double loss = device.crossEntropy(logits, labels, scale, smoothing, writeGradient);
        watch.summed("cross entropy", loss);
        watch.written("gradient of the logits", null, logits);
        return loss;
    }

    @Override
    public void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step) {
        device.adamw(p, m, v, g, step);
    }

    @Override
    public double sgd(Tensor p, Tensor m, Tensor g, Sgd step) {
        return device.sgd(p, m, g, step);
    }

    @Override
    public double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step) {
        return device.rmsprop(p, v, m, mean, g, step);
    }

    @Override
    public void rowSumsOfSquares(double[] out, Tensor g) {
        device.rowSumsOfSquares(out, g);
    }

    @Override
    public void accumulate(Tensor acc, Tensor x) {
        device.accumulate(acc, x);
        watch.written("sum", null, acc);
    }
}
