package dev.kintsugi.worker.kernel;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.ScratchSizes;
import dev.kintsugi.worker.memory.Tensor;
import java.util.Arrays;

/// The shape and dtype checks of [Kernels], one method an operation, shared by the `cpu` and `meta` devices: values and weights are all F32
/// or all BF16; statistics, tables and gradients of weights F32. The letters are those of [Kernels].
///
/// @throws IllegalArgumentException from every method, naming the tensor, what it is and what it has to be
public final class Shapes {
    private Shapes() {}

    /// F32 or BF16.
    public static void floats(String name, Tensor t) {
        if (t.dtype() != DType.F32 && t.dtype() != DType.BF16) {
            throw new IllegalArgumentException("%s is %s; it must be F32 or BF16".formatted(name, t));
        }
    }

    /// Equal numel and dtype are enough where the shape has no meaning.
    public static void sameNumel(String nameA, Tensor a, String nameB, Tensor b) {
        floats(nameA, a);
        require(nameB, b, a.dtype(), b.shape());
        if (a.numel() != b.numel()) {
            throw new IllegalArgumentException("%s is %s but %s is %s; they must have equal numel".formatted(nameB, b, nameA, a));
        }
    }

    public static void linear(Tensor y, Tensor x, Tensor w, Tensor bias) {
        long N = matrix("x", x).dim(0);
        long O = matrix("w", w).dim(0);
        require("w", w, x.dtype(), O, x.dim(1));
        require("y", y, x.dtype(), N, O);
        if (bias != null) { require("bias", bias, x.dtype(), O); }
    }

    public static void linearBackwardInput(Tensor dx, Tensor dy, Tensor w) {
        long N = matrix("dy", dy).dim(0);
        long K = matrix("w", w).dim(1);
        require("w", w, dy.dtype(), dy.dim(1), K);
        require("dx", dx, dy.dtype(), N, K);
    }

    public static void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x) {
        long O = matrix("dy", dy).dim(1);
        require("x", matrix("x", x), dy.dtype(), dy.dim(0), x.dim(1));
        require("dw", dw, DType.F32, O, x.dim(1));
        if (dbias != null) { require("dbias", dbias, DType.F32, O); }
    }

    public static void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w) {
        long N = matrix("x", x).dim(0);
        long C = x.dim(1);
        require("y", y, x.dtype(), N, C);
        require("rstd", rstd, DType.F32, N);
        require("w", w, x.dtype(), C);
    }

    public static void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd) {
        rmsNorm(dy, rstd, x, w);
        require("dx", dx, x.dtype(), x.dim(0), x.dim(1));
        require("dw", dw, DType.F32, x.dim(1));
    }

    public static void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b) {
        long N = matrix("x", x).dim(0);
        long C = x.dim(1);
        require("y", y, x.dtype(), N, C);
        require("statistics", statistics, DType.F32, N, 2);
        require("w", w, x.dtype(), C);
        require("b", b, x.dtype(), C);
    }

    public static void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics) {
        layerNorm(dy, statistics, x, w, w);
        require("dx", dx, x.dtype(), x.dim(0), x.dim(1));
        require("dw", dw, DType.F32, x.dim(1));
        require("db", db, DType.F32, x.dim(1));
    }

    /// Of splitting and joining.
    public static void heads(Tensor q, Tensor k, Tensor v, Tensor joined, long D) {
        long N = matrix("q", q).dim(0);
        if (D < 1 || q.dim(1) % D != 0) { throw new IllegalArgumentException("q is %s; its rows must be heads of D=%d".formatted(q, D)); }
        require("k", k, q.dtype(), N, q.dim(1));
        require("v", v, q.dtype(), N, q.dim(1));
        require("joined", joined, q.dtype(), N, 3 * q.dim(1));
    }

    public static void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x) {
        sameNumel("x", x, "dy", dy);
        sameNumel("x", x, "y", y);
        sameNumel("x", x, "dx", dx);
    }

    public static void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition) {
        long T = rank4("x", x).dim(1);
        long P = matrix("cos", cos).dim(0);
        if (2 * cos.dim(1) > x.dim(3)) { throw new IllegalArgumentException("x is %s and cos is %s; R must not be above D".formatted(x, cos)); }
        require("cos", cos, DType.F32, P, cos.dim(1));
        require("sin", sin, DType.F32, P, cos.dim(1));
        if (firstPosition < 0 || firstPosition + T > P) {
            throw new IllegalArgumentException("firstPosition=%d with T=%d needs rows to %d; cos has P=%d"
                    .formatted(firstPosition, T, firstPosition + T, P));
        }
    }

    /// Positions themselves are not looked at.
    public static void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions) {
        rotary(x, cos, sin, 0);
        require("positions", positions, DType.I32, x.dim(0), x.dim(1));
    }

    public static void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, Tensor scratch) {
        long B = rank4("q", q).dim(0);
        long H = q.dim(2);
        require("k", rank4("k", k), q.dtype(), B, k.dim(1), k.dim(2), q.dim(3));
        require("v", v, q.dtype(), B, k.dim(1), k.dim(2), q.dim(3));
        require("out", out, q.dtype(), B, q.dim(1), H, q.dim(3));
        require("lse", lse, DType.F32, B, H, q.dim(1));
        if (q.dim(1) > k.dim(1)) {
            throw new IllegalArgumentException("q is %s and k is %s; T must not be above S".formatted(q, k));
        }
        if (k.dim(2) == 0 || H % k.dim(2) != 0) {
            throw new IllegalArgumentException("q is %s and k is %s; H must be a multiple of G".formatted(q, k));
        }
        scratch(scratch, ScratchSizes.attentionNumel(B, q.dim(1), k.dim(1), H, k.dim(2), q.dim(3)));
    }

    public static void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k,
            Tensor v, Tensor scratch) {
        attention(out, lse, q, k, v, scratch);
        if (q.dim(1) != k.dim(1)) {
            throw new IllegalArgumentException("q is %s and k is %s; backward needs T == S".formatted(q, k));
        }
        require("dout", dout, q.dtype(), out.shape());
        require("dq", dq, q.dtype(), q.shape());
        require("dk", dk, q.dtype(), k.shape());
        require("dv", dv, q.dtype(), v.shape());
    }

    private static void scratch(Tensor scratch, long numel) {
        if (scratch == null || scratch.dtype() != DType.F32 || scratch.numel() < numel) {
            throw new IllegalArgumentException("scratch is %s; it must be F32 of at least numel=%d".formatted(scratch, numel));
        }
    }

    public static void swiglu(Tensor y, Tensor gate, Tensor up) {
        sameNumel("gate", gate, "up", up);
        sameNumel("gate", gate, "y", y);
    }

    public static void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up) {
        swiglu(dy, gate, up);
        sameNumel("gate", gate, "y", y);
        sameNumel("gate", gate, "dgate", dgate);
        sameNumel("gate", gate, "dup", dup);
    }

    /// `y (N, C)`, `ids (N)`, `w (V, C)`.
    public static void embedding(Tensor y, Tensor ids, Tensor w) {
        floats("w", matrix("w", w));
        require("y", matrix("y", y), w.dtype(), y.dim(0), w.dim(1));
        require("ids", ids, DType.I32, y.dim(0));
    }

    /// `dw (V, C)`, `dy (N, C)`, `ids (N)`.
    public static void embeddingBackward(Tensor dw, Tensor dy, Tensor ids) {
        floats("dy", matrix("dy", dy));
        require("dw", matrix("dw", dw), DType.F32, dw.dim(0), dy.dim(1));
        require("ids", ids, DType.I32, dy.dim(0));
    }

    public static void crossEntropy(Tensor logits, Tensor labels) {
        require("labels", labels, DType.I32, matrix("logits", logits).dim(0));
    }

    public static void adamw(Tensor p, Tensor m, Tensor v, Tensor g) {
        require("p", p, DType.F32, p.shape());
        sameNumel("p", p, "m", m);
        sameNumel("p", p, "v", v);
        sameNumel("p", p, "g", g);
    }

    /// Of an optimizer's update; a slot that is not used is null.
    public static void update(Tensor p, Tensor g, Tensor... slots) {
        require("p", p, DType.F32, p.shape());
        sameNumel("p", p, "g", g);
        for (Tensor slot : slots) {
            if (slot != null) { sameNumel("p", p, "slot", slot); }
        }
    }

    public static void rowSumsOfSquares(double[] out, Tensor g) {
        require("g", matrix("g", g), DType.F32, g.shape());
        if (out.length < g.dim(0)) {
            throw new IllegalArgumentException("out.length=%d; g is %s and needs one a row".formatted(out.length, g));
        }
    }

    private static Tensor matrix(String name, Tensor t) {
        return rank(name, t, 2);
    }

    private static Tensor rank4(String name, Tensor t) {
        return rank(name, t, 4);
    }

    private static Tensor rank(String name, Tensor t, int rank) {
        floats(name, t);
        if (t.rank() != rank) { throw new IllegalArgumentException("%s is %s; it must have %d dimensions".formatted(name, t, rank)); }
        return t;
    }

    private static void require(String name, Tensor t, DType dtype, long... shape) {
        boolean fits = t.dtype() == dtype && t.rank() == shape.length;
        for (int i = 0; fits && i < shape.length; i++) { fits = t.dim(i) == shape[i]; }
        if (!fits) {
            throw new IllegalArgumentException("%s is %s; it must be %s%s"
                    .formatted(name, t, dtype, Arrays.toString(shape)));
        }
    }
}
