package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.Shapes;
import dev.kintsugi.worker.memory.Tensor;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.stream.IntStream;

/// [CpuKernels] on several threads. Every operation is cut into as many parts as there are threads, by rows that do not depend on each other
/// (of a matrix, a batch, or a flat array), and each part is computed by a [CpuKernels] of its own: no sum is cut, so each element is computed
/// as on one thread. What adds up over rows (gains' gradients, the embedding's) stays on the calling thread.
public final class ThreadedKernels implements Kernels, AutoCloseable {
    private static final int ROWS = 32;                 // parts of a matrix are whole tiles of the matrix unit, two high
    private static final int NUMEL = 1024;              // parts of a flat array are whole cache lines and whole vectors

    private final CpuKernels[] parts;
    private final Team team;
    private double[] losses = {};

    ThreadedKernels(CpuKernels[] parts) {
        this.parts = parts;
        this.team = new Team(parts.length);
    }

    /// @param threads at least 2
    public static ThreadedKernels open(int threads) {
        return new ThreadedKernels(IntStream.range(0, threads).mapToObj(_ -> CpuKernels.open()).toArray(CpuKernels[]::new));
    }

    @Override
    public String description() {
        return "%s, %d threads".formatted(parts[0].description(), parts.length);
    }

    private interface Slice {
        void run(CpuKernels kernels, long from, long count);
    }

    /// Cuts `total` into parts that are multiples of `unit` but for the last.
    private void split(long total, long unit, Slice slice) {
        long units = Math.ceilDiv(total, unit);
        if (units <= 1) {
            if (total > 0) { slice.run(parts[0], 0, total); }
            return;
        }
        team.run(thread -> {
            long from = unit * (units * thread / parts.length);
            long to = Math.min(total, unit * (units * (thread + 1) / parts.length));
            if (from < to) { slice.run(parts[thread], from, to - from); }
        });
    }

    private static Tensor flat(Tensor x, long from, long count) {
        return x == null ? null : x.reshape(x.numel()).rows(from, count);
    }

    @Override
    public void fill(Tensor y, double value) {
        split(y.numel(), NUMEL, (k, from, count) -> k.fill(flat(y, from, count), value));
    }

    @Override
    public void copy(Tensor y, Tensor x) {
        Shapes.sameNumel("x", x, "y", y);
        split(y.numel(), NUMEL, (k, from, count) -> k.copy(flat(y, from, count), flat(x, from, count)));
    }

    @Override
    public void add(Tensor y, Tensor a, Tensor b) {
        Shapes.sameNumel("y", y, "a", a);
        Shapes.sameNumel("y", y, "b", b);
        split(y.numel(), NUMEL, (k, from, count) -> k.add(flat(y, from, count), flat(a, from, count), flat(b, from, count)));
    }

    @Override
    public void scale(Tensor x, double factor) {
        split(x.numel(), NUMEL, (k, from, count) -> k.scale(flat(x, from, count), factor));
    }

    @Override
    public void dropout(Tensor y, Tensor x, DropoutMask mask, long first, boolean accumulate) {
        Shapes.sameNumel("x", x, "y", y);
        split(y.numel(), NUMEL, (k, from, count) -> k.dropout(flat(y, from, count), flat(x, from, count), mask, first + from, accumulate));
    }

    @Override
    public void linearAdd(Tensor y, Tensor x, Tensor w) {
        Shapes.linear(y, x, w, null);
        split(x.dim(0), ROWS, (k, from, count) -> k.linearAdd(y.rows(from, count), x.rows(from, count), w));
    }

    @Override
    public void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        Shapes.linear(y, x, w, bias);
        if (x.dim(0) <= ThinLinear.ROWS_MAX) {
            linearByOutputs(y, x, w, bias);
        } else {
            split(x.dim(0), ROWS, (k, from, count) -> k.wideLinear(y.rows(from, count), x.rows(from, count), w, bias));
        }
    }

    /// Few rows, as in decoding: a single one is cut by outputs, more are not worth it.
    private void linearByOutputs(Tensor y, Tensor x, Tensor w, Tensor bias) {
        if (x.dim(0) > 1) {
            parts[0].linear(y, x, w, bias);
            return;
        }
        split(w.dim(0), ROWS, (k, from, count) -> k.linear(flat(y, from, count).reshape(1, count), x, w.rows(from, count),
                bias == null ? null : bias.rows(from, count)));
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate) {
        Shapes.linearBackwardInput(dx, dy, w);
        split(dy.dim(0), ROWS, (k, from, count) -> k.linearBackwardInput(dx.rows(from, count), dy.rows(from, count), w, accumulate));
    }

    @Override
    public void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate) {
        Shapes.linearBackwardWeight(dw, dbias, dy, x);
        split(dw.dim(0), ROWS, (k, from, count) -> k.linearBackwardWeightRows(dw, dy, x, accumulate, from, count));
        if (dbias != null) { parts[0].addColumnSums(dbias, dy); }
    }

    @Override
    public void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w, double eps) {
        Shapes.rmsNorm(y, rstd, x, w);
        split(x.dim(0), ROWS, (k, from, count) -> k.rmsNorm(y.rows(from, count), rstd.rows(from, count), x.rows(from, count), w, eps));
    }

    @Override
    public void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd) {
        parts[0].rmsNormBackward(dx, dw, dy, x, w, rstd);
    }

    @Override
    public void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b, double eps) {
        Shapes.layerNorm(y, statistics, x, w, b);
        split(x.dim(0), ROWS, (k, from, count) -> k.layerNorm(y.rows(from, count), statistics.rows(from, count), x.rows(from, count), w, b, eps));
    }

    @Override
    public void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics) {
        parts[0].layerNormBackward(dx, dw, db, dy, x, w, statistics);
    }

    @Override
    public void splitHeads(Tensor q, Tensor k, Tensor v, Tensor joined, long D) {
        Shapes.heads(q, k, v, joined, D);
        split(q.dim(0), ROWS, (part, from, count) -> part.splitHeads(q.rows(from, count), k.rows(from, count), v.rows(from, count),
                joined.rows(from, count), D));
    }

    @Override
    public void joinHeads(Tensor joined, Tensor q, Tensor k, Tensor v, long D) {
        Shapes.heads(q, k, v, joined, D);
        split(q.dim(0), ROWS, (part, from, count) -> part.joinHeads(joined.rows(from, count), q.rows(from, count), k.rows(from, count),
                v.rows(from, count), D));
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse) {
        Shapes.rotary(x, cos, sin, firstPosition);
        split(x.dim(0), 1, (k, from, count) -> k.rotary(x.rows(from, count), cos, sin, firstPosition, inverse));
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        Shapes.rotary(x, cos, sin, positions);
        split(x.dim(0), 1, (k, from, count) -> k.rotary(x.rows(from, count), cos, sin, positions.rows(from, count), inverse));
    }

    @Override
    public void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch) {
        Shapes.attention(out, lse, q, k, v, scratch);
        team.run(thread -> {
            long from = q.dim(0) * thread / parts.length;
            long count = q.dim(0) * (thread + 1) / parts.length - from;
            if (count == 0) { return; }
            parts[thread].attention(out.rows(from, count), lse.rows(from, count), q.rows(from, count), k.rows(from, count), v.rows(from, count),
                    mask.rows(from, count), scratchOf(thread, scratch));
        });
    }

    @Override
    public void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch) {
        Shapes.attentionBackward(dq, dk, dv, dout, out, lse, q, k, v, scratch);
        team.run(thread -> {
            long from = q.dim(0) * thread / parts.length;
            long count = q.dim(0) * (thread + 1) / parts.length - from;
            if (count == 0) { return; }
            parts[thread].attentionBackward(dq.rows(from, count), dk.rows(from, count), dv.rows(from, count), dout.rows(from, count),
                    out.rows(from, count), lse.rows(from, count), q.rows(from, count), k.rows(from, count), v.rows(from, count),
                    mask.rows(from, count), scratchOf(thread, scratch));
        });
    }

    /// Each thread's own; see [ScratchSizes#attentionNumel(int, long, long, long, long, long, long)].
    private Tensor scratchOf(int thread, Tensor scratch) {
        long numel = scratch.numel() / parts.length;
        return flat(scratch, thread * numel, numel);
    }

    @Override
    public long attentionScratchNumel(long B, long T, long S, long H, long G, long D) {
        return ScratchSizes.attentionNumel(parts.length, B, T, S, H, G, D);
    }

    @Override
    public void swiglu(Tensor y, Tensor gate, Tensor up) {
        Shapes.swiglu(y, gate, up);
        split(y.numel(), NUMEL, (k, from, count) -> k.swiglu(flat(y, from, count), flat(gate, from, count), flat(up, from, count)));
    }

    @Override
    public void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up) {
        Shapes.swigluBackward(dgate, dup, y, dy, gate, up);
        split(dy.numel(), NUMEL, (k, from, count) -> k.swigluBackward(flat(dgate, from, count), flat(dup, from, count), flat(y, from, count),
                flat(dy, from, count), flat(gate, from, count), flat(up, from, count)));
    }

    @Override
    public void gelu(Tensor y, Tensor x, Activation kind) {
        Shapes.sameNumel("x", x, "y", y);
        split(x.numel(), NUMEL, (k, from, count) -> k.gelu(flat(y, from, count), flat(x, from, count), kind));
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x, Activation kind) {
        Shapes.geluBackward(dx, y, dy, x);
        split(x.numel(), NUMEL, (k, from, count) -> k.geluBackward(flat(dx, from, count), flat(y, from, count), flat(dy, from, count),
                flat(x, from, count), kind));
    }

    @Override
    public void embedding(Tensor y, Tensor ids, Tensor w) {
        Shapes.embedding(y, ids, w);
        Embedding.checkIds(ids.data(), ids.numel(), w.dim(0));
        split(y.dim(0), ROWS, (k, from, count) -> k.embedding(y.rows(from, count), ids.rows(from, count), w));
    }

    @Override
    public void embeddingBackward(Tensor dw, Tensor dy, Tensor ids) {
        parts[0].embeddingBackward(dw, dy, ids);
    }

    @Override
    public double crossEntropy(Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient) {
        Shapes.crossEntropy(logits, labels);
        CrossEntropy.checkLabels(labels.data(), labels.numel(), logits.dim(1));
        int rows = Math.toIntExact(logits.dim(0));
        losses = losses.length < rows ? new double[rows] : losses;
        split(rows, ROWS, (k, from, count) -> k.crossEntropyRows(losses, (int) from, logits.rows(from, count), labels.rows(from, count), scale,
                smoothing, writeGradient));
        return CrossEntropy.total(losses, rows);
    }

    @Override
    public void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step) {
        Shapes.adamw(p, m, v, g);
        split(p.numel(), NUMEL, (k, from, count) -> k.adamw(flat(p, from, count), flat(m, from, count), flat(v, from, count),
                flat(g, from, count), step));
    }

    @Override
    public double sgd(Tensor p, Tensor m, Tensor g, Sgd step) {
        Shapes.update(p, g, m);
        var squares = new DoubleAdder();
        split(p.numel(), NUMEL, (k, from, count) -> squares.add(k.sgd(flat(p, from, count), flat(m, from, count), flat(g, from, count), step)));
        return squares.sum();
    }

    @Override
    public double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step) {
        Shapes.update(p, g, v, m, mean);
        var squares = new DoubleAdder();
        split(p.numel(), NUMEL, (k, from, count) -> squares.add(k.rmsprop(flat(p, from, count), flat(v, from, count), flat(m, from, count),
                flat(mean, from, count), flat(g, from, count), step)));
        return squares.sum();
    }

    @Override
    public void rowSumsOfSquares(double[] out, Tensor g) {
        Shapes.rowSumsOfSquares(out, g);
        split(g.dim(0), 1, (_, from, count) -> SquareSums.rows(out, (int) from, g.rows(from, count).data(), count, g.dim(1)));
    }

    @Override
    public void accumulate(Tensor acc, Tensor x) {
        Shapes.sameNumel("acc", acc, "x", x);
        split(acc.numel(), NUMEL, (k, from, count) -> k.accumulate(flat(acc, from, count), flat(x, from, count)));
    }

    @Override
    public void close() {
        team.close();
    }
}
