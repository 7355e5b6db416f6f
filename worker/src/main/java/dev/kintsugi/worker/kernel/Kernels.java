package dev.kintsugi.worker.kernel;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.Tensor;

/// The device boundary: every operation a model needs, forward and backward, on tensors of explicit shapes.
///
/// ```
/// B batch   T query positions   S key positions   C channels (hidden)   H query heads   G key/value heads   D head size
/// V vocabulary   N rows of a matrix (tokens)   K input features   O output features     dx, dw, dy: gradients of x, w, y
/// ```
/// Implementations: `reference` (scalar, computes in fp64: the oracle of the others), `cpu` (oneDNN and the Vector API), `meta` (checks
/// shapes, touches no memory). Values, weights and gradients of values are of one dtype, F32 or BF16 (on reference also F64).
/// Statistics (`rstd`, `lse`), rotary tables and gradients of weights are F32 with both, F64 with F64. bf16 results are computed in f32
/// and rounded once, to nearest even.
///
/// Each call is complete when it returns. The same inputs give the same bits, whatever the number of ranks. Index tensors are I32.
/// "Adds to" means `+=`; otherwise outputs are overwritten. Outputs never overlap inputs unless said. Shapes and dtypes that do not
/// fit are `IllegalArgumentException`s that name them.
public interface Kernels {
    /// `reference`, `cpu` or `meta`, with what it runs on, for the log: `cpu (oneDNN 3.11 avx512_core, Vector 512)`.
    String description();

    void fill(Tensor y, double value);

    void copy(Tensor y, Tensor x);

    /// `y = a + b`; y may be a or b.
    void add(Tensor y, Tensor a, Tensor b);

    /// `x *= factor`.
    void scale(Tensor x, double factor);

    /// `y = x * mask`, or `y +=` when `accumulate`; any shape; element i of the mask is that of index `first + i`.
    void dropout(Tensor y, Tensor x, DropoutMask mask, long first, boolean accumulate);

    /// Linear forward: `y (N, O) = x (N, K) w (O, K)^T`, plus `bias (O)` on every row unless it is null.
    void linear(Tensor y, Tensor x, Tensor w, Tensor bias);

    /// Adds `x (N, K) w (O, K)^T` to `y (N, O)`.
    void linearAdd(Tensor y, Tensor x, Tensor w);

    /// `dx (N, K) = dy (N, O) w (O, K)`; adds to dx when `accumulate`.
    void linearBackwardInput(Tensor dx, Tensor dy, Tensor w, boolean accumulate);

    /// `dw (O, K) = dy^T (O, N) x (N, K)`, or adds to dw when `accumulate`; adds the column sums of dy to `dbias (O)` unless it is null.
    void linearBackwardWeight(Tensor dw, Tensor dbias, Tensor dy, Tensor x, boolean accumulate);

    /// `y (N, C) = x * rstd * w`, `rstd (N) = 1 / sqrt(mean(x^2) + eps)`.
    void rmsNorm(Tensor y, Tensor rstd, Tensor x, Tensor w, double eps);

    /// Adds to `dx (N, C)` and `dw (C)`.
    void rmsNormBackward(Tensor dx, Tensor dw, Tensor dy, Tensor x, Tensor w, Tensor rstd);

    /// `y (N, C) = (x - mean) * rstd * w + b`, `rstd = 1 / sqrt(mean((x - mean)^2) + eps)`; `statistics (N, 2)` receives mean and rstd.
    void layerNorm(Tensor y, Tensor statistics, Tensor x, Tensor w, Tensor b, double eps);

    /// Adds to `dx (N, C)`, `dw (C)` and `db (C)`.
    void layerNormBackward(Tensor dx, Tensor dw, Tensor db, Tensor dy, Tensor x, Tensor w, Tensor statistics);

    /// Queries, keys and values (N, H * D) of `joined (N, 3 * H * D)`, in which a row has a head's queries, its keys, its values, then the next head's.
    void splitHeads(Tensor q, Tensor k, Tensor v, Tensor joined, long D);

    /// The reverse of [#splitHeads].
    void joinHeads(Tensor joined, Tensor q, Tensor k, Tensor v, long D);

    /// Rotates the first R elements of each head of `x (B, T, H, D)` in place, halves paired as in Transformers (`rotate_half`): position t of the
    /// sequence uses row `firstPosition + t` of `cos` and `sin (P, R / 2)`. `inverse` rotates back, which is also the backward pass.
    void rotary(Tensor x, Tensor cos, Tensor sin, long firstPosition, boolean inverse);

    /// The same, the token of batch entry b and row t being at position `positions (B, T)` I32.
    void rotary(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse);

    /// Causal attention with scale `1 / sqrt(D)`: `out (B, T, H, D)` of `q (B, T, H, D)`, `k` and `v (B, S, G, D)`, head h using
    /// key/value head `h / (H / G)`. Query t is at position `S - T + t` of the keys, so a KV cache is just `T < S`, and sees those before it that the
    /// mask lets through.
    /// `lse (B, H, T)` receives log-sum-exp of the scaled scores, for backward.
    /// Never makes a T x S matrix: `scratch` of [#attentionScratchNumel] f32 elements (may be null when that is 0) is all it uses.
    void attention(Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v, AttentionMask mask, Tensor scratch);

    /// Overwrites `dq`, `dk`, `dv` (shapes of q, k, v). Here `T == S`.
    void attentionBackward(Tensor dq, Tensor dk, Tensor dv, Tensor dout, Tensor out, Tensor lse, Tensor q, Tensor k, Tensor v,
            AttentionMask mask, Tensor scratch);

    /// Elements of scratch that [#attention] and [#attentionBackward] want: the value of the pure function
    /// `dev.kintsugi.sharding.estimate.ScratchSizes#attentionNumel`, or 0 for implementations that need none.
    long attentionScratchNumel(long B, long T, long S, long H, long G, long D);

    /// `y = silu(gate) * up`, any shape.
    void swiglu(Tensor y, Tensor gate, Tensor up);

    /// Overwrites `dgate`, `dup` and `y`, which becomes what forward made: they may be `gate`, `up` and `dy` themselves.
    void swigluBackward(Tensor dgate, Tensor dup, Tensor y, Tensor dy, Tensor gate, Tensor up);

    /// `y = gelu(x)`, any shape.
    void gelu(Tensor y, Tensor x, Activation kind);

    /// Overwrites `dx` and `y`, which becomes what forward made: they may be `x` and `dy` themselves.
    void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x, Activation kind);

    /// `y (N, C)`: rows `ids (N)` of `w (V, C)`.
    void embedding(Tensor y, Tensor ids, Tensor w);

    /// Adds rows of `dy (N, C)` to rows `ids (N)` of `dw (V, C)`, in the order of N.
    void embeddingBackward(Tensor dw, Tensor dy, Tensor ids);

    /// Cross entropy of `logits (N, V)` against `labels (N)`; a negative label is not counted. Returns the sum (not mean) of the
    /// rows' losses, added in fp64 in the order of N. With `writeGradient`, logits are overwritten by
    /// `(softmax - onehot) * scale` (0 for rows not counted).
    ///
    /// @param smoothing share e of the target that is spread evenly over the vocabulary: a row's loss is that of `(1 - e) onehot + e / V`; in [0, 1)
    double crossEntropy(Tensor logits, Tensor labels, double scale, double smoothing, boolean writeGradient);

    /// Without smoothing.
    default double crossEntropy(Tensor logits, Tensor labels, double scale, boolean writeGradient) {
        return crossEntropy(logits, labels, scale, 0, writeGradient);
    }

    /// One AdamW update in place (PyTorch's formula, Loshchilov and Hutter 2019): all f32, equal numel.
    void adamw(Tensor p, Tensor m, Tensor v, Tensor g, AdamW step);

    /// One step of gradient descent in place, as PyTorch's SGD: all f32, equal numel. `m` is null without momentum.
    ///
    /// @return the sum of squares of what was added to p, for people: it may be rounded otherwise elsewhere
    double sgd(Tensor p, Tensor m, Tensor g, Sgd step);

    /// One RMSprop update in place (PyTorch's formula): all f32, equal numel. `m` is null without momentum, `mean` unless centered.
    ///
    /// @return as [#sgd]
    double rmsprop(Tensor p, Tensor v, Tensor m, Tensor mean, Tensor g, RmsProp step);

    /// `out[r]` = sum of squares of row r of `g (rows, n)`, in fp64: element i goes to partial sum `i % 16`, and partial sums
    /// are added pairwise (0+8, 1+9, ..; then 0+4 ..; 0+2; 0+1), so that every implementation gives the same bits.
    void rowSumsOfSquares(double[] out, Tensor g);

    /// `acc += x`, element by element; the one operation of a reduce-scatter.
    void accumulate(Tensor acc, Tensor x);

    /// The dtype of statistics, tables and weights' gradients that goes with values of `dtype`.
    static DType statistics(DType dtype) {
        return dtype == DType.F64 ? DType.F64 : DType.F32;
    }

    /// What an AdamW update needs besides tensors.
    ///
    /// @param biasCorrection1 `1 - beta1^t`
    /// @param biasCorrection2 `1 - beta2^t`
    /// @param gradScale multiplies g first: the clipping coefficient
    record AdamW(double learningRate, double beta1, double beta2, double epsilon, double weightDecay, double biasCorrection1,
            double biasCorrection2, double gradScale) {}

    /// What a step of gradient descent needs besides tensors.
    ///
    /// @param weightDecay of the weights that is added to the gradient
    /// @param rise of the gradient that is added to the momentum: `1 - dampening`, and 1 at first
    /// @param gradScale multiplies g first
    record Sgd(double learningRate, double momentum, double rise, boolean nesterov, double weightDecay, double gradScale) {}

    /// What an RMSprop update needs besides tensors.
    ///
    /// @param weightDecay of the weights that is added to the gradient
    /// @param gradScale multiplies g first
    record RmsProp(double learningRate, double alpha, double epsilon, double momentum, double weightDecay, double gradScale) {}
}
