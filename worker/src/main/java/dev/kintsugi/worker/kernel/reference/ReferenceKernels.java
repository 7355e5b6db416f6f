package dev.kintsugi.worker.kernel.reference;

import static dev.kintsugi.worker.kernel.reference.Doubles.load;
import static dev.kintsugi.worker.kernel.reference.Doubles.loadInts;
import static dev.kintsugi.worker.kernel.reference.Doubles.require;
import static dev.kintsugi.worker.kernel.reference.Doubles.store;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.DropoutMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/// [Kernels] as plain fp64 loops over BF16, F32 or F64 tensors; the letters are those of [Kernels].
public final class ReferenceKernels implements Kernels {
    @Override
    public String description() {
        return "reference (scalar fp64)";
    }

    @Override
    public void fill(Tensor y, double value) {
        double[] out = load("y", y, y.shape());
        Arrays.fill(out, value);
        store(y, out);
    }

    @Override
    public void copy(Tensor y, Tensor x) {
        require("y", y, x.shape());
        store(y, load("x", x, x.shape()));
    }

    @Override
    public void add(Tensor y, Tensor a, Tensor b) {
        require("y", y, a.shape());
        double[] sum = load("a", a, a.shape());
        double[] addend = load("b", b, a.shape());
        for (int i = 0; i < sum.length; i++) {
            sum[i] += addend[i];
        }
        store(y, sum);
    }

    @Override
    public void scale(Tensor xTensor, double factor) {
        double[] x = load("x", xTensor, xTensor.shape());
        for (int i = 0; i < x.length; i++) { x[i] *= factor; }
        store(xTensor, x);
    }

    @Override
    public void dropout(Tensor yTensor, Tensor xTensor, DropoutMask mask, long first, boolean accumulate) {
        double[] x = load("x", xTensor, xTensor.shape());
        double[] y = accumulate ? load("y", yTensor, xTensor.shape()) : new double[x.length];
        for (int i = 0; i < x.length; i++) { y[i] += x[i] * mask.factor(first + i); }
        store(yTensor, y);
    }

    @Override
    public void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        ReferenceLinear.forward(y, x, w, bias);
    }

    @Override
    public void linearAdd(Tensor y, Tensor x, Tensor w) {
        ReferenceLinear.add(y, x, w);
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate) {
        ReferenceLinear.backwardInput(dx, dy, w, accumulate);
    }

    @Override
    public void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate) {
        ReferenceLinear.backwardWeight(dw, dbias, dy, x, accumulate);
    }

    @Override
    public void rmsNorm(Tensor yTensor, Tensor rstdTensor, Tensor xTensor, Tensor wTensor, double eps) {
        int N = rows("x", xTensor);
        int C = (int) xTensor.dim(1);
        double[] x = load("x", xTensor, N, C);
        double[] w = load("w", wTensor, C);
        require("y", yTensor, N, C);
        require("rstd", rstdTensor, N);
        var y = new double[N * C];
        var rstd = new double[N];
        for (int n = 0; n < N; n++) {
            double squares = 0;
            for (int c = 0; c < C; c++) {
                squares += x[n * C + c] * x[n * C + c];
            }
            rstd[n] = 1 / Math.sqrt(squares / C + eps);
            for (int c = 0; c < C; c++) {
                y[n * C + c] = x[n * C + c] * rstd[n] * w[c];
            }
        }
        store(yTensor, y);
        store(rstdTensor, rstd);
    }

    /// With `xhat = x rstd` and `g = dy w`: `dx = rstd (g - xhat mean(g xhat))`, `dw = sum over rows of dy xhat`.
    @Override
    public void rmsNormBackward(Tensor dxTensor, Tensor dwTensor, Tensor dyTensor, Tensor xTensor, Tensor wTensor,
            Tensor rstdTensor) {
        int N = rows("x", xTensor);
        int C = (int) xTensor.dim(1);
        double[] x = load("x", xTensor, N, C);
        double[] dy = load("dy", dyTensor, N, C);
        double[] w = load("w", wTensor, C);
        double[] rstd = load("rstd", rstdTensor, N);
        double[] dx = load("dx", dxTensor, N, C);
        double[] dw = load("dw", dwTensor, C);
        for (int n = 0; n < N; n++) {
            double mean = 0;
            for (int c = 0; c < C; c++) {
                mean += dy[n * C + c] * w[c] * x[n * C + c] * rstd[n] / C;
            }
            for (int c = 0; c < C; c++) {
                double xhat = x[n * C + c] * rstd[n];
                dx[n * C + c] += rstd[n] * (dy[n * C + c] * w[c] - xhat * mean);
                dw[c] += dy[n * C + c] * xhat;
            }
        }
        store(dxTensor, dx);
        store(dwTensor, dw);
    }

    @Override
    public void layerNorm(Tensor yTensor, Tensor statisticsTensor, Tensor xTensor, Tensor wTensor, Tensor bTensor, double eps) {
        int N = rows("x", xTensor);
        int C = (int) xTensor.dim(1);
        double[] x = load("x", xTensor, N, C);
        double[] w = load("w", wTensor, C);
        double[] b = load("b", bTensor, C);
        require("y", yTensor, N, C);
        require("statistics", statisticsTensor, N, 2);
        var y = new double[N * C];
        var statistics = new double[2 * N];
        for (int n = 0; n < N; n++) {
            double mean = Arrays.stream(x, n * C, (n + 1) * C).sum() / C;
            double variance = Arrays.stream(x, n * C, (n + 1) * C).map(e -> (e - mean) * (e - mean)).sum() / C;
            statistics[2 * n] = mean;
            statistics[2 * n + 1] = 1 / Math.sqrt(variance + eps);
            for (int c = 0; c < C; c++) {
                y[n * C + c] = (x[n * C + c] - mean) * statistics[2 * n + 1] * w[c] + b[c];
            }
        }
        store(yTensor, y);
        store(statisticsTensor, statistics);
    }

    /// With `xhat = (x - mean) rstd` and `g = dy w`: `dx = rstd (g - mean(g) - xhat mean(g xhat))`, `dw` and `db` the sums over rows of `dy xhat` and `dy`.
    @Override
    public void layerNormBackward(Tensor dxTensor, Tensor dwTensor, Tensor dbTensor, Tensor dyTensor, Tensor xTensor, Tensor wTensor,
            Tensor statisticsTensor) {
        int N = rows("x", xTensor);
        int C = (int) xTensor.dim(1);
        double[] x = load("x", xTensor, N, C);
        double[] dy = load("dy", dyTensor, N, C);
        double[] w = load("w", wTensor, C);
        double[] statistics = load("statistics", statisticsTensor, N, 2);
        double[] dx = load("dx", dxTensor, N, C);
        double[] dw = load("dw", dwTensor, C);
        double[] db = load("db", dbTensor, C);
        for (int n = 0; n < N; n++) {
            double rstd = statistics[2 * n + 1];
            double mean = 0;
            double along = 0;
            for (int c = 0; c < C; c++) {
                double xhat = (x[n * C + c] - statistics[2 * n]) * rstd;
                mean += dy[n * C + c] * w[c] / C;
                along += dy[n * C + c] * w[c] * xhat / C;
                dw[c] += dy[n * C + c] * xhat;
                db[c] += dy[n * C + c];
            }
            for (int c = 0; c < C; c++) {
                double xhat = (x[n * C + c] - statistics[2 * n]) * rstd;
                dx[n * C + c] += rstd * (dy[n * C + c] * w[c] - mean - xhat * along);
            }
        }
        store(dxTensor, dx);
        store(dwTensor, dw);
        store(dbTensor, db);
    }

    @Override
    public void splitHeads(Tensor qTensor, Tensor kTensor, Tensor vTensor, Tensor joinedTensor, long D) {
        double[] joined = load("joined", joinedTensor, qTensor.dim(0), 3 * qTensor.dim(1));
        var parts = new double[3][(int) qTensor.numel()];
        for (int i = 0; i < joined.length; i++) {
            int head = i / (3 * (int) D);
            parts[i / (int) D % 3][head * (int) D + i % (int) D] = joined[i];
        }
        store(qTensor, parts[0]);
        store(kTensor, parts[1]);
        store(vTensor, parts[2]);
    }

    @Override
    public void joinHeads(Tensor joinedTensor, Tensor q, Tensor k, Tensor v, long D) {
        double[][] parts = {load("q", q, q.shape()), load("k", k, q.shape()), load("v", v, q.shape())};
        var joined = new double[3 * parts[0].length];
        for (int i = 0; i < joined.length; i++) {
            int head = i / (3 * (int) D);
            joined[i] = parts[i / (int) D % 3][head * (int) D + i % (int) D];
        }
        require("joined", joinedTensor, q.dim(0), 3 * q.dim(1));
        store(joinedTensor, joined);
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse) {
        long T = x.dim(1);
        if (firstPosition < 0 || firstPosition + T > cos.dim(0)) {
            throw new IllegalArgumentException("firstPosition=%d T=%d; the tables have %d positions".formatted(firstPosition, T, cos.dim(0)));
        }
        rotary(x, cos, sin, inverse, row -> (int) (firstPosition + row % T));
    }

    @Override
    public void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        rotary(x, cos, sin, inverse, row -> positions.data().getAtIndex(ValueLayout.JAVA_INT, row));
    }

    /// @param positionOf of row `b T + t`
    private static void rotary(Tensor xTensor, Tensor cosTensor, Tensor sinTensor, boolean inverse, IntUnaryOperator positionOf) {
        if (xTensor.rank() != 4 || 2 * cosTensor.dim(1) > xTensor.dim(3)) {
            throw new IllegalArgumentException("x=%s cos=%s; must be (B, T, H, D) and (P, R / 2) with R up to D".formatted(xTensor, cosTensor));
        }
        int H = (int) xTensor.dim(2);
        int D = (int) xTensor.dim(3);
        int half = (int) cosTensor.dim(1);
        long P = cosTensor.dim(0);
        double[] cos = load("cos", cosTensor, P, half);
        double[] sin = load("sin", sinTensor, P, half);
        double[] x = load("x", xTensor, xTensor.shape());
        for (int row = 0; row * D < x.length; row++) {
            int position = positionOf.applyAsInt(row / H);
            for (int i = 0; i < half; i++) {
                int first = row * D + i;
                double c = cos[position * half + i];
                double s = inverse ? -sin[position * half + i] : sin[position * half + i];
                double a = x[first];
                double b = x[first + half];
                x[first] = a * c - b * s;
                x[first + half] = b * c + a * s;
            }
        }
        store(xTensor, x);
    }

    @Override
    public void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch) {
        new ReferenceAttention(q, k, mask).forward(out, lse, q, k, v);
    }

    @Override
    public void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch) {
        new ReferenceAttention(q, k, mask).backward(dq, dk, dv, dout, out, lse, q, k, v);
    }

    @Override
    public long attentionScratchNumel(long B, long T, long S, long H, long G, long D) {
        return 0;
    }

    @Override
    public void swiglu(Tensor yTensor, Tensor gateTensor, Tensor upTensor) {
        double[] gate = load("gate", gateTensor, yTensor.shape());
        double[] up = load("up", upTensor, yTensor.shape());
        for (int i = 0; i < up.length; i++) {
            up[i] *= gate[i] * sigmoid(gate[i]);
        }
        store(yTensor, up);
    }

    /// `silu(x) = x s(x)` and `silu'(x) = s(x) (1 + x (1 - s(x)))`, s the logistic function.
    @Override
    public void swigluBackward(Tensor dgateTensor, Tensor dupTensor, Tensor yTensor, Tensor dyTensor, Tensor gateTensor, Tensor upTensor) {
        double[] dy = load("dy", dyTensor, dyTensor.shape());
        double[] gate = load("gate", gateTensor, dyTensor.shape());
        double[] up = load("up", upTensor, dyTensor.shape());
        require("dgate", dgateTensor, dyTensor.shape());
        require("dup", dupTensor, dyTensor.shape());
        require("y", yTensor, dyTensor.shape());
        var y = new double[dy.length];
        for (int i = 0; i < dy.length; i++) {
            double s = sigmoid(gate[i]);
            double silu = gate[i] * s;
            y[i] = silu * up[i];
            gate[i] = dy[i] * up[i] * s * (1 + gate[i] * (1 - s));
            up[i] = dy[i] * silu;
        }
        store(dgateTensor, gate);
        store(dupTensor, up);
        store(yTensor, y);
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    @Override
    public void gelu(Tensor yTensor, Tensor xTensor, Activation kind) {
        double[] x = load("x", xTensor, yTensor.shape());
        for (int i = 0; i < x.length; i++) {
            x[i] *= ReferenceGelu.distribution(x[i], kind);
        }
        store(yTensor, x);
    }

    @Override
    public void geluBackward(Tensor dxTensor, Tensor yTensor, Tensor dyTensor, Tensor xTensor, Activation kind) {
        double[] dy = load("dy", dyTensor, dyTensor.shape());
        double[] x = load("x", xTensor, dyTensor.shape());
        require("dx", dxTensor, dyTensor.shape());
        require("y", yTensor, dyTensor.shape());
        for (int i = 0; i < x.length; i++) {
            double p = ReferenceGelu.distribution(x[i], kind);
            dy[i] *= p + x[i] * ReferenceGelu.density(x[i], kind);
            x[i] *= p;
        }
        store(dxTensor, dy);
        store(yTensor, x);
    }

    @Override
    public void embedding(Tensor yTensor, Tensor idsTensor, Tensor wTensor) {
        int V = rows("w", wTensor);
        int C = (int) wTensor.dim(1);
        int[] ids = loadInts("ids", idsTensor, idsTensor.numel());
        double[] w = load("w", wTensor, V, C);
        require("y", yTensor, ids.length, C);
        var y = new double[ids.length * C];
        for (int n = 0; n < ids.length; n++) {
            System.arraycopy(w, row(ids, n, V) * C, y, n * C, C);
        }
        store(yTensor, y);
    }

    @Override
    public void embeddingBackward(Tensor dwTensor, Tensor dyTensor, Tensor idsTensor) {
        int V = rows("dw", dwTensor);
        int C = (int) dwTensor.dim(1);
        int[] ids = loadInts("ids", idsTensor, idsTensor.numel());
        double[] dw = load("dw", dwTensor, V, C);
        double[] dy = load("dy", dyTensor, ids.length, C);
        for (int n = 0; n < ids.length; n++) {
            for (int c = 0; c < C; c++) {
                dw[row(ids, n, V) * C + c] += dy[n * C + c];
            }
        }
        store(dwTensor, dw);
    }

    private static int row(int[] ids, int n, int V) {
        if (ids[n] < 0 || ids[n] >= V) {
            throw new IllegalArgumentException("ids[%d]=%d; the vocabulary has %d rows".formatted(n, ids[n], V));
        }
        return ids[n];
    }

    @Override
    public double crossEntropy(Tensor logitsTensor, Tensor labelsTensor, double scale, double smoothing, boolean writeGradient) {
        int N = rows("logits", logitsTensor);
        double[] logits = load("logits", logitsTensor, N, logitsTensor.dim(1));
        double loss = ReferenceCrossEntropy.of(logits, loadInts("labels", labelsTensor, N), (int) logitsTensor.dim(1), scale, smoothing);
        if (writeGradient) { store(logitsTensor, logits); }
        return loss;
    }

    @Override
    public void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step) {
        ReferenceUpdates.adamw(p, m, v, g, step);
    }

    @Override
    public double sgd(Tensor p, Tensor m, Tensor g, Sgd step) {
        return ReferenceUpdates.sgd(p, m, g, step);
    }

    @Override
    public double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step) {
        return ReferenceUpdates.rmsprop(p, v, m, mean, g, step);
    }

    @Override
    public void rowSumsOfSquares(double[] out, Tensor gTensor) {
        int N = rows("g", gTensor);
        int n = (int) gTensor.dim(1);
        if (out.length < N) {
            throw new IllegalArgumentException("out.length=%d; g=%s has more rows".formatted(out.length, gTensor));
        }
        double[] g = load("g", gTensor, N, n);
        for (int r = 0; r < N; r++) {
            var partial = new double[16];
            for (int i = 0; i < n; i++) {
                partial[i % 16] += g[r * n + i] * g[r * n + i];
            }
            for (int half = 8; half > 0; half /= 2) {
                for (int i = 0; i < half; i++) {
                    partial[i] += partial[i + half];
                }
            }
            out[r] = partial[0];
        }
    }

    @Override
    public void accumulate(Tensor acc, Tensor x) {
        add(acc, acc, x);
    }

    static int rows(String name, Tensor t) {
        if (t.rank() != 2) { throw new IllegalArgumentException("%s=%s; must be a matrix".formatted(name, t)); }
        return Math.toIntExact(t.dim(0));
    }
}
