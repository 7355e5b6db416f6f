package dev.kintsugi.worker.kernel.reference;

import static dev.kintsugi.worker.kernel.reference.Doubles.load;
import static dev.kintsugi.worker.kernel.reference.Doubles.require;
import static dev.kintsugi.worker.kernel.reference.Doubles.store;

import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.memory.Tensor;
import java.util.Arrays;

/// Causal grouped-query attention and its gradient, as the definition has them.
///
/// ```
/// s[t, j] = q[t] . k[j] / sqrt(D)      j up to S - T + t      lse[t] = log(sum over j of exp(s[t, j]))
/// p[t, j] = exp(s[t, j] - lse[t])      out[t] = sum over j of p[t, j] v[j]
/// ```
/// The gradient is that of [Dao et al. 2022, appendix B.2](https://arxiv.org/abs/2205.14135): with `delta[t] = dout[t] . out[t]`,
/// `ds = p (dout . v - delta)`.
final class ReferenceAttention {
    private final int B;
    private final int T;
    private final int S;
    private final int H;
    private final int G;
    private final int D;
    private final double scale;
    private final AttentionMask mask;

    ReferenceAttention(Tensor q, Tensor k, AttentionMask mask) {
        this.mask = mask;
        if (q.rank() != 4 || k.rank() != 4 || k.dim(2) < 1 || q.dim(2) % k.dim(2) != 0 || k.dim(1) < q.dim(1)) {
            throw new IllegalArgumentException(
                    "q=%s k=%s; must be (B, T, H, D) and (B, S, G, D) with H a multiple of G and S >= T".formatted(q, k));
        }
        B = (int) q.dim(0);
        T = (int) q.dim(1);
        S = (int) k.dim(1);
        H = (int) q.dim(2);
        G = (int) k.dim(2);
        D = (int) q.dim(3);
        scale = 1 / Math.sqrt(D);
    }

    void forward(Tensor outTensor, Tensor lseTensor, Tensor qTensor, Tensor kTensor, Tensor vTensor) {
        double[] q = load("q", qTensor, B, T, H, D);
        double[] k = load("k", kTensor, B, S, G, D);
        double[] v = load("v", vTensor, B, S, G, D);
        require("out", outTensor, B, T, H, D);
        require("lse", lseTensor, B, H, T);
        var out = new double[q.length];
        var lse = new double[B * H * T];
        for (int b = 0; b < B; b++) {
            for (int h = 0; h < H; h++) {
                for (int t = 0; t < T; t++) {
                    double[] s = scores(q, k, b, h, t);
                    double logSumExp = logSumExp(s);
                    lse[(b * H + h) * T + t] = logSumExp;
                    for (int j = 0; j < s.length; j++) {
                        addScaled(out, query(b, t, h), Math.exp(s[j] - logSumExp), v, key(b, j, h));
                    }
                }
            }
        }
        store(outTensor, out);
        store(lseTensor, lse);
    }

    void backward(Tensor dqTensor, Tensor dkTensor, Tensor dvTensor, Tensor doutTensor, Tensor outTensor, Tensor lseTensor,
            Tensor qTensor, Tensor kTensor, Tensor vTensor) {
        if (T != S) { throw new IllegalArgumentException("q=%s k=%s; backward needs T == S".formatted(qTensor, kTensor)); }
        double[] q = load("q", qTensor, B, T, H, D);
        double[] k = load("k", kTensor, B, S, G, D);
        double[] v = load("v", vTensor, B, S, G, D);
        double[] out = load("out", outTensor, B, T, H, D);
        double[] dout = load("dout", doutTensor, B, T, H, D);
        double[] lse = load("lse", lseTensor, B, H, T);
        require("dq", dqTensor, B, T, H, D);
        require("dk", dkTensor, B, S, G, D);
        require("dv", dvTensor, B, S, G, D);
        var dq = new double[q.length];
        var dk = new double[k.length];
        var dv = new double[v.length];
        for (int b = 0; b < B; b++) {
            for (int h = 0; h < H; h++) {
                for (int t = 0; t < T; t++) {
                    int row = query(b, t, h);
                    double[] s = scores(q, k, b, h, t);
                    double delta = dot(dout, row, out, row);
                    for (int j = 0; j < s.length; j++) {
                        int column = key(b, j, h);
                        double p = Math.exp(s[j] - lse[(b * H + h) * T + t]);
                        double ds = p * (dot(dout, row, v, column) - delta);
                        addScaled(dv, column, p, dout, row);
                        addScaled(dq, row, ds * scale, k, column);
                        addScaled(dk, column, ds * scale, q, row);
                    }
                }
            }
        }
        store(dqTensor, dq);
        store(dkTensor, dk);
        store(dvTensor, dv);
    }

    /// The scores of query t against every key up to its own position; negative infinity where it does not see one.
    private double[] scores(double[] q, double[] k, int b, int h, int t) {
        var s = new double[S - T + t + 1];
        Arrays.fill(s, Double.NEGATIVE_INFINITY);
        for (int j = mask.first(b, t, s.length); j < s.length; j++) {
            s[j] = scale * dot(q, query(b, t, h), k, key(b, j, h));
        }
        return s;
    }

    private static double logSumExp(double[] s) {
        double max = Double.NEGATIVE_INFINITY;
        for (double x : s) {
            max = Math.max(max, x);
        }
        double sum = 0;
        for (double x : s) {
            sum += Math.exp(x - max);
        }
        return max + Math.log(sum);
    }

    private int query(int b, int t, int h) {
        return ((b * T + t) * H + h) * D;
    }

    private int key(int b, int j, int h) {
        return ((b * S + j) * G + h / (H / G)) * D;
    }

    private double dot(double[] x, int atX, double[] y, int atY) {
        double sum = 0;
        for (int d = 0; d < D; d++) {
            sum += x[atX + d] * y[atY + d];
        }
        return sum;
    }

    private void addScaled(double[] y, int atY, double a, double[] x, int atX) {
        for (int d = 0; d < D; d++) {
            y[atY + d] += a * x[atX + d];
        }
    }
}
