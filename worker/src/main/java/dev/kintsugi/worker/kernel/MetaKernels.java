package dev.kintsugi.worker.kernel;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.memory.Tensor;

/// The shapes-only device: the checks of `cpu` and nothing else. Tensors may have no memory behind them.
public final class MetaKernels implements Kernels {
    @Override
    public String description() {
        return "meta (shapes only)";
    }

    @Override
    public void fill(Tensor y, double value) {
        Shapes.floats("y", y);
    }

    @Override
    public void copy(Tensor y, Tensor x) {
        Shapes.sameNumel("x", x, "y", y);
    }

    @Override
    public void add(Tensor y, Tensor a, Tensor b) {
        Shapes.sameNumel("y", y, "a", a);
        Shapes.sameNumel("y", y, "b", b);
    }

    @Override
    public void scale(Tensor x, double factor) {
        Shapes.floats("x", x);
    }

    @Override
    public void dropout(Tensor y, Tensor x, DropoutMask mask, long first, boolean accumulate) {
        Shapes.sameNumel("x", x, "y", y);
    }

    @Override
    public void linearAdd(Tensor y, Tensor x, Tensor w) {
        Shapes.linear(y, x, w, null);
    }

    @Override
    public void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        Shapes.linear(y, x, w, bias);
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate) {
        Shapes.linearBackwardInput(dx, dy, w);
    }

    @Override
    public void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate) {
        Shapes.linearBackwardWeight(dw, dbias, dy, x);
    }

    @Override
    public void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w, double eps) {
        Shapes.rmsNorm(y, rstd, x, w);
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd) {
        Shapes.rmsNormBackward(dx, dw, dy, x, w, rstd);
    }

    @Override
    public void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b, double eps) {
        Shapes.layerNorm(y, statistics, x, w, b);
    }

    @Override
    public void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics) {
        Shapes.layerNormBackward(dx, dw, db, dy, x, w, statistics);
    }

    @Override
    public void splitHeads(Tensor q, Tensor k, Tensor v, Tensor joined, long D) {
        Shapes.heads(q, k, v, joined, D);
    }

    @Override
    public void joinHeads(Tensor joined, Tensor q, Tensor k, Tensor v, long D) {
        Shapes.heads(q, k, v, joined, D);
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse) {
        Shapes.rotary(x, cos, sin, firstPosition);
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Shapes.rotary(x, cos, sin, positions);
    }

    @Override
    public void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch) {
        Shapes.attention(out, lse, q, k, v, scratch);
    }

    @Override
    public void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch) {
        Shapes.attentionBackward(dq, dk, dv, dout, out, lse, q, k, v, scratch);
    }

    @Override
    public long attentionScratchNumel(long B, long T, long S, long H, long G, long D) {
        return ScratchSizes.attentionNumel(B, T, S, H, G, D);
    }

    @Override
    public void swiglu(Tensor y, Tensor gate, Tensor up) {
        Shapes.swiglu(y, gate, up);
    }

    @Override
    public void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up) {
        Shapes.swigluBackward(dgate, dup, y, dy, gate, up);
    }

    @Override
    public void gelu(Tensor y, Tensor x, Activation kind) {
        Shapes.sameNumel("x", x, "y", y);
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x, Activation kind) {
        Shapes.geluBackward(dx, y, dy, x);
    }

    @Override
    public void embedding(Tensor y, Tensor ids, Tensor w) {
        Shapes.embedding(y, ids, w);
    }

    @Override
    public void embeddingBackward(Tensor dw, Tensor dy, Tensor ids) {
        Shapes.embeddingBackward(dw, dy, ids);
    }

    /// Always 0.
    @Override
    public double crossEntropy(Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient) {
        Shapes.crossEntropy(logits, labels);
        return 0;
    }

    @Override
    public void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step) {
        Shapes.adamw(p, m, v, g);
    }

    @Override
    public double sgd(Tensor p, Tensor m, Tensor g, Sgd step) {
        Shapes.update(p, g, m);
        return 0;
    }

    @Override
    public double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step) {
        Shapes.update(p, g, v, m, mean);
        return 0;
    }

    /// Leaves `out` as it is.
    @Override
    public void rowSumsOfSquares(double[] out, Tensor g) {
        Shapes.rowSumsOfSquares(out, g);
    }

    @Override
    public void accumulate(Tensor acc, Tensor x) {
        Shapes.sameNumel("acc", acc, "x", x);
    }
}
