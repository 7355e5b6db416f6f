package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.Shapes;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;

/// [Kernels] in f32 and bf16 on the calling thread. One instance serves one thread at a time.
public final class CpuKernels implements Kernels {
    private final Matmul matmul;
    private final ThinLinear thinLinear = new ThinLinear();
    private final ThinAttention thinAttention = new ThinAttention();
    private final Attention attention;
    private final AttentionBackward attentionBackward;
    private final Elementwise elementwise = new Elementwise();
    private final RmsNorm rmsNorm = new RmsNorm();
    private final LayerNorm layerNorm = new LayerNorm();
    private final Rotary rotary = new Rotary();
    private final SwiGlu swiglu = new SwiGlu();
    private final Gelu gelu = new Gelu();
    private final CrossEntropy crossEntropy = new CrossEntropy();
    private double[] losses = {};               // of rows

    CpuKernels(Matmul matmul) {
        this.matmul = matmul;
        this.attention = new Attention(matmul);
        this.attentionBackward = new AttentionBackward(matmul);
    }

    /// With the best matrix product of this machine; see [MatmulChoice].
    public static CpuKernels open() {
        return new CpuKernels(MatmulChoice.open());
    }

    @Override
    public String description() {
        return "cpu (%s, Vector %d)".formatted(matmul.description(), Lanes.F.vectorBitSize());
    }

    /// How many oneDNN primitives were made so far: as many as there are shapes of products, so none after the first step.
    public long primitivesMade() {
        return matmul.primitivesMade();
    }

    @Override
    public void fill(Tensor y, double value) {
        Shapes.floats("y", y);
        elementwise.fill(y.data(), (float) value, y.numel(), bf16(y));
    }

    @Override
    public void copy(Tensor y, Tensor x) {
        Shapes.sameNumel("x", x, "y", y);
        MemorySegment.copy(x.data(), 0, y.data(), 0, x.bytes());
    }

    @Override
    public void add(Tensor y, Tensor a, Tensor b) {
        Shapes.sameNumel("y", y, "a", a);
        Shapes.sameNumel("y", y, "b", b);
        elementwise.add(y.data(), a.data(), b.data(), y.numel(), bf16(y));
    }

    @Override
    public void scale(Tensor x, double factor) {
        Shapes.floats("x", x);
        elementwise.scale(x.data(), x.numel(), (float) factor, bf16(x));
    }

    @Override
    public void dropout(Tensor y, Tensor x, DropoutMask mask, long first, boolean accumulate) {
        Shapes.sameNumel("x", x, "y", y);
        elementwise.dropout(y.data(), x.data(), x.numel(), mask, first, accumulate, bf16(x));
    }

    @Override
    public void linearAdd(Tensor y, Tensor x, Tensor w) {
        Shapes.linear(y, x, w, null);
        int O = extent(y, 1);
        int K = extent(x, 1);
        matmul.multiply(types(x), y.data(), O, x.data(), K, false, w.data(), K, true, extent(y, 0), O, K, true);
    }

    @Override
    public void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        Shapes.linear(y, x, w, bias);
        if (y.dim(0) <= ThinLinear.ROWS_MAX) {
            thinLinear.multiply(y.data(), x.data(), w.data(), extent(y, 0), extent(y, 1), extent(x, 1), bf16(x));
            addToRows(y, bias);
        } else {
            wideLinear(y, x, w, bias);
        }
    }

    /// [#linear] as it is with many rows, however few these are.
    void wideLinear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        int O = extent(y, 1);
        int K = extent(x, 1);
        matmul.multiply(types(x), y.data(), O, x.data(), K, false, w.data(), K, true, extent(y, 0), O, K, false);
        addToRows(y, bias);
    }

    private void addToRows(Tensor y, Tensor bias) {
        if (bias != null) { elementwise.addToRows(y.data(), bias.data(), extent(y, 0), extent(y, 1), bf16(y)); }
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate) {
        Shapes.linearBackwardInput(dx, dy, w);
        int K = extent(w, 1);
        int O = extent(w, 0);
        matmul.multiply(types(dy), dx.data(), K, dy.data(), O, false, w.data(), K, false, extent(dy, 0), K, O, accumulate);
    }

    @Override
    public void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate) {
        Shapes.linearBackwardWeight(dw, dbias, dy, x);
        linearBackwardWeightRows(dw, dy, x, accumulate, 0, dw.dim(0));
        if (dbias != null) { addColumnSums(dbias, dy); }
    }

    /// Rows `[from, from + count)` of dw.
    void linearBackwardWeightRows(Tensor dw, Tensor dy, Tensor x, boolean accumulate, long from, long count) {
        int O = extent(dy, 1);
        int K = extent(x, 1);
        Matmul.Types types = bf16(x) ? Matmul.Types.BF16_TO_F32 : Matmul.Types.F32;
        matmul.multiply(types, dw.data().asSlice(from * K * dw.dtype().bytes()), K, dy.data().asSlice(from * dy.dtype().bytes()), O, true, x.data(), K,
                false, (int) count, K, extent(dy, 0), accumulate);
    }

    void addColumnSums(Tensor dbias, Tensor dy) {
        elementwise.addColumnSums(dbias.data(), dy.data(), extent(dy, 0), extent(dy, 1), bf16(dy));
    }

    private static boolean bf16(Tensor t) {
        return t.dtype() == DType.BF16;
    }

    private static Matmul.Types types(Tensor t) {
        return bf16(t) ? Matmul.Types.BF16 : Matmul.Types.F32;
    }

    private static int extent(Tensor t, int dimension) {
        return Math.toIntExact(t.dim(dimension));
    }

    @Override
    public void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w, double eps) {
        Shapes.rmsNorm(y, rstd, x, w);
        rmsNorm.forward(y.data(), rstd.data(), x.data(), w.data(), eps, x.dim(0), extent(x, 1), bf16(x));
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd) {
        Shapes.rmsNormBackward(dx, dw, dy, x, w, rstd);
        rmsNorm.backward(dx.data(), dw.data(), dy.data(), x.data(), w.data(), rstd.data(), x.dim(0), extent(x, 1), bf16(x));
    }

    @Override
    public void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b, double eps) {
        Shapes.layerNorm(y, statistics, x, w, b);
        layerNorm.forward(y.data(), statistics.data(), x.data(), w.data(), b.data(), eps, x.dim(0), extent(x, 1), bf16(x));
    }

    @Override
    public void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics) {
        Shapes.layerNormBackward(dx, dw, db, dy, x, w, statistics);
        layerNorm.backward(dx.data(), dw.data(), db.data(), dy.data(), x.data(), w.data(), statistics.data(), x.dim(0), extent(x, 1), bf16(x));
    }

    @Override
    public void splitHeads(Tensor q, Tensor k, Tensor v, Tensor joined, long D) {
        Shapes.heads(q, k, v, joined, D);
        Heads.split(new MemorySegment[] {q.data(), k.data(), v.data()}, joined.data(), q.numel() / D, D * q.dtype().bytes());
    }

    @Override
    public void joinHeads(Tensor joined, Tensor q, Tensor k, Tensor v, long D) {
        Shapes.heads(q, k, v, joined, D);
        Heads.join(joined.data(), new MemorySegment[] {q.data(), k.data(), v.data()}, q.numel() / D, D * q.dtype().bytes());
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse) {
        Shapes.rotary(x, cos, sin, firstPosition);
        rotary.rotate(x.data(), cos.data(), sin.data(), firstPosition, null, inverse, x.dim(0), x.dim(1), extent(x, 2),
                extent(x, 3), 2 * extent(cos, 1), bf16(x));
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Shapes.rotary(x, cos, sin, positions);
        rotary.rotate(x.data(), cos.data(), sin.data(), 0, positions.data(), inverse, x.dim(0), x.dim(1), extent(x, 2), extent(x, 3),
                2 * extent(cos, 1), bf16(x));
    }

    @Override
    public void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch) {
        Shapes.attention(out, lse, q, k, v, scratch);
        if (q.dim(1) <= ThinAttention.QUERIES_MAX) {
            thinAttention.forward(out.data(), lse.data(), q.data(), k.data(), v.data(), AttentionShape.of(q, k, mask));
        } else {
            attention.forward(out.data(), lse.data(), q.data(), k.data(), v.data(), scratch.data(), AttentionShape.of(q, k, mask));
        }
    }

    @Override
    public void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch) {
        Shapes.attentionBackward(dq, dk, dv, dout, out, lse, q, k, v, scratch);
        attentionBackward.backward(new AttentionBackward.Tensors(dq.data(), dk.data(), dv.data(), dout.data(), out.data(), lse.data(), q.data(),
                k.data(), v.data(), scratch.data()), AttentionShape.of(q, k, mask));
    }

    @Override
    public long attentionScratchNumel(long B, long T, long S, long H, long G, long D) {
        return ScratchSizes.attentionNumel(B, T, S, H, G, D);
    }

    @Override
    public void swiglu(Tensor y, Tensor gate, Tensor up) {
        Shapes.swiglu(y, gate, up);
        swiglu.forward(y.data(), gate.data(), up.data(), y.numel(), bf16(y));
    }

    @Override
    public void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up) {
        Shapes.swigluBackward(dgate, dup, y, dy, gate, up);
        swiglu.backward(dgate.data(), dup.data(), y.data(), dy.data(), gate.data(), up.data(), dy.numel(), bf16(dy));
    }

    @Override
    public void gelu(Tensor y, Tensor x, Activation kind) {
        Shapes.sameNumel("x", x, "y", y);
        gelu.forward(y.data(), x.data(), kind, x.numel(), bf16(x));
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x, Activation kind) {
        Shapes.geluBackward(dx, y, dy, x);
        gelu.backward(dx.data(), y.data(), dy.data(), x.data(), kind, x.numel(), bf16(x));
    }

    /// @throws IllegalArgumentException also for an id outside `[0, V)`
    @Override
    public void embedding(Tensor y, Tensor ids, Tensor w) {
        Shapes.embedding(y, ids, w);
        Embedding.checkIds(ids.data(), ids.numel(), w.dim(0));
        Embedding.forward(y.data(), ids.data(), w.data(), y.dim(0), y.dim(1) * y.dtype().bytes());
    }

    /// @throws IllegalArgumentException also for an id outside `[0, V)`
    @Override
    public void embeddingBackward(Tensor dw, Tensor dy, Tensor ids) {
        Shapes.embeddingBackward(dw, dy, ids);
        Embedding.checkIds(ids.data(), ids.numel(), dw.dim(0));
        Embedding.backward(dw.data(), dy.data(), ids.data(), dy.dim(0), dy.dim(1), bf16(dy), elementwise);
    }

    /// @throws IllegalArgumentException also for a label of V or more
    @Override
    public double crossEntropy(Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient) {
        Shapes.crossEntropy(logits, labels);
        CrossEntropy.checkLabels(labels.data(), labels.numel(), logits.dim(1));
        int rows = extent(logits, 0);
        losses = losses.length < rows ? new double[rows] : losses;
        crossEntropyRows(losses, 0, logits, labels, scale, smoothing, writeGradient);
        return CrossEntropy.total(losses, rows);
    }

    /// @param losses receives the rows' losses from `at` on
    void crossEntropyRows(double[] losses, int at, Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient) {
        crossEntropy.forward(losses, at, logits.data(), labels.data(), (float) scale, smoothing, writeGradient, extent(logits, 0), logits.dim(1),
                bf16(logits));
    }

    @Override
    public void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step) {
        Shapes.adamw(p, m, v, g);
        AdamWUpdate.update(p.data(), m.data(), v.data(), g.data(), step, p.numel());
    }

    @Override
    public double sgd(Tensor p, Tensor m, Tensor g, Sgd step) {
        Shapes.update(p, g, m);
        return SgdUpdate.update(p.data(), data(m), g.data(), step, p.numel());
    }

    @Override
    public double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step) {
        Shapes.update(p, g, v, m, mean);
        return RmsPropUpdate.update(p.data(), v.data(), data(m), data(mean), g.data(), step, p.numel());
    }

    private static MemorySegment data(Tensor orNull) {
        return orNull == null ? null : orNull.data();
    }

    @Override
    public void rowSumsOfSquares(double[] out, Tensor g) {
        Shapes.rowSumsOfSquares(out, g);
        SquareSums.rows(out, 0, g.data(), g.dim(0), g.dim(1));
    }

    @Override
    public void accumulate(Tensor acc, Tensor x) {
        Shapes.sameNumel("acc", acc, "x", x);
        elementwise.add(acc.data(), acc.data(), x.data(), acc.numel(), bf16(acc));
    }
}
