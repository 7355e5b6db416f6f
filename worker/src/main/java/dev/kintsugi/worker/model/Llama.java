package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.estimate.LossChunks;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.List;

/// Llama, unit by unit ([Touvron et al. 2023](https://arxiv.org/abs/2302.13971); names as in Transformers' `modeling_llama`).
///
/// ```
/// B batch   T positions   N = B T rows   C hidden   H query heads   G key/value heads   D head size   F intermediate   V vocabulary
/// ```
/// Holds the rotary tables and no weights: those come in with each call, since a unit's are there only while it is gathered.
public final class Llama {
    private final LlamaConfig config;
    private final RotaryTables rotary;

    /// @param arena owns the rotary tables, `positions * D` elements
    /// @param positions the longest sequence that will come
    /// @param dtype of all values: F32 or BF16, or F64 for the oracle
    public Llama(LlamaConfig config, long positions, DType dtype, Arena arena) {
        this.config = config;
        this.rotary = RotaryTables.of(config, positions, Kernels.statistics(dtype), arena);
    }

    public LlamaConfig config() {
        return config;
    }

    /// @param ids (N) I32
    /// @return (N, C)
    public Variable forwardEmbedding(Tape tape, UnitParameters embedding, Tensor ids) {
        return tape.embedding(ids, embedding.get("model.embed_tokens.weight"));
    }

    /// One block over B whole sequences of T positions. The output lies below everything else that the block allocates; a tape that
    /// does not record leaves nothing but it.
    ///
    /// @param x (N, C)
    /// @param pass what the call is for
    /// @return (N, C); not computed when the pass is a recomputation
    public Variable forwardBlock(Tape tape, UnitParameters block, Variable x, long B, long T, Pass pass) {
        return forwardBlock(tape, block, x, B, T, pass, null, 0);
    }

    /// What a block's forward pass is for.
    public enum Pass {
        /// Keeps all that backward reads but what it makes again for nothing.
        KEEP_NORMS,
        /// Keeps the outputs of matrix products, and makes the norms again in backward.
        KEEP_PRODUCTS,
        /// Like [#KEEP_PRODUCTS], for the backward pass of a block whose output is known already.
        RECOMPUTE
    }

    /// One block over the next T positions of the one sequence in `cache`, whose keys and values it adds there.
    ///
    /// @param x (T, C)
    /// @param index of the block
    Variable forwardBlock(Tape tape, UnitParameters block, Variable x, long T, KvCache cache, int index) {
        return forwardBlock(tape, block, x, 1, T, Pass.KEEP_PRODUCTS, cache, index);
    }

    private Variable forwardBlock(Tape tape, UnitParameters block, Variable x, long B, long T, Pass pass, KvCache cache, int index) {
        double eps = config.rmsNormEps();
        boolean keepNorms = pass == Pass.KEEP_NORMS;
        boolean compute = pass != Pass.RECOMPUTE;
        StepArena arena = tape.arena();
        DType dtype = x.data().dtype();
        Tensor output = arena.allocate(dtype, B * T, config.hiddenSize());
        long mark = arena.mark();

        Variable attended = attention(tape, block, x, B, T, keepNorms, cache, index);
        Variable branch = tape.linear(attended, block.get("self_attn.o_proj.weight"), bias(block, "self_attn.o_proj.bias"));
        Variable middle = tape.addResidual(x, branch);

        Tensor gates = arena.allocate(dtype, B * T, config.intermediateSize());
        Tensor ups = arena.allocate(dtype, B * T, config.intermediateSize());
        List<Variable> gated = tape.normLinear(middle, block.get("post_attention_layernorm.weight"), eps, keepNorms, List.of(
                projection(gates, block, "mlp.gate_proj"), projection(ups, block, "mlp.up_proj")));
        Variable down = tape.swigluLinear(output, gated.getFirst(), gated.getLast(), block.get("mlp.down_proj.weight"),
                bias(block, "mlp.down_proj.bias"), compute);
        Variable y = tape.addResidual(middle, down, compute);

        if (!tape.isRecording()) { arena.release(mark); }
        return y;
    }

    /// Norm and self-attention up to the output projection: (N, C) to (N, H * D).
    private Variable attention(Tape tape, UnitParameters block, Variable x, long B, long T, boolean keepNorms, KvCache cache, int index) {
        long H = config.numAttentionHeads();
        long G = config.numKeyValueHeads();
        long D = config.headDim();
        long first = cache == null ? 0 : cache.length();
        StepArena arena = tape.arena();
        DType dtype = x.data().dtype();
        Tensor queries = arena.allocate(dtype, B * T, H * D);
        Tensor newKeys = cache == null ? arena.allocate(dtype, B * T, G * D) : cache.keys(index, first, T);
        Tensor newValues = cache == null ? arena.allocate(dtype, B * T, G * D) : cache.values(index, first, T);

        List<Variable> projected = tape.normLinear(x, block.get("input_layernorm.weight"), config.rmsNormEps(), keepNorms, List.of(
                projection(queries, block, "self_attn.q_proj"), projection(newKeys, block, "self_attn.k_proj"),
                projection(newValues, block, "self_attn.v_proj")));
        Variable q = tape.rotary(tape.view(projected.get(0), B, T, H, D), rotary.cos(), rotary.sin(), first);
        Variable k = tape.rotary(tape.view(projected.get(1), B, T, G, D), rotary.cos(), rotary.sin(), first);
        Variable v = tape.view(projected.get(2), B, T, G, D);
        if (cache != null) {
            k = Variable.of(cache.keys(index, 0, first + T).reshape(1, first + T, G, D));
            v = Variable.of(cache.values(index, 0, first + T).reshape(1, first + T, G, D));
        }
        return tape.view(tape.attention(q, k, v), B * T, H * D);
    }

    private static Tape.Projection projection(Tensor y, UnitParameters block, String layer) {
        return new Tape.Projection(y, block.get(layer + ".weight"), bias(block, layer + ".bias"));
    }

    private static Parameter bias(UnitParameters block, String name) {
        return block.contains(name) ? block.get(name) : null;
    }

    /// Final norm, head and cross entropy, in chunks of [LossChunks#rows] rows, so that the logits never exist as a whole. With
    /// `train`, each chunk runs its backward pass at once: gradients of the norm's gain and the head's matrix are added to, and
    /// `x.grad()` is overwritten (allocated on the arena if x has none).
    ///
    /// @param head the last unit; with tied embeddings the embedding unit
    /// @param x (N, C), the last block's output
    /// @param labels (N) I32, the token that follows each position; negative where there is none
    /// @param scale of the gradient: 1 / (predicted tokens of the whole step)
    /// @return the sum of the rows' losses, not scaled
    public double loss(Tape tape, UnitParameters head, Variable x, Tensor labels, double scale, boolean train) {
        long N = x.data().dim(0);
        long chunk = LossChunks.rows(N, config.vocabSize());
        if (train && x.grad() == null) { x.setGrad(tape.arena().allocate(x.data().dtype(), x.data().shape())); }
        double loss = 0;
        for (long from = 0; from < N; from += chunk) {
            long rows = Math.min(chunk, N - from);
            Tensor dx = train ? x.grad().rows(from, rows) : null;
            loss += chunkLoss(tape, head, x.data().rows(from, rows), dx, labels.rows(from, rows), scale);
        }
        return loss;
    }

    /// @param dx (rows, C), overwritten; null without training
    private double chunkLoss(Tape tape, UnitParameters head, Tensor x, Tensor dx, Tensor labels, double scale) {
        StepArena arena = tape.arena();
        Kernels kernels = tape.kernels();
        Parameter gain = head.get("model.norm.weight");
        Parameter w = headMatrix(head);
        long mark = arena.mark();
        Tensor h = arena.allocate(x.dtype(), x.shape());
        Tensor rstd = arena.allocate(Kernels.statistics(x.dtype()), x.dim(0));
        Tensor logits = arena.allocate(x.dtype(), x.dim(0), config.vocabSize());
        kernels.rmsNorm(h, rstd, x, gain.data(), config.rmsNormEps());
        kernels.linear(logits, h, w.data(), null);
        double loss = kernels.crossEntropy(logits, labels, scale, dx != null);
        if (dx != null) {
            kernels.linearBackwardWeight(w.grad(), null, logits, h, !w.takeBegun());
            Tensor dh = h;              // which has been read for the last time
            kernels.linearBackwardInput(dh, logits, w.data(), false);
            kernels.fill(dx, 0);
            if (gain.takeBegun()) { kernels.fill(gain.grad(), 0); }
            kernels.rmsNormBackward(dx, gain.grad(), dh, x, gain.data(), rstd);
        }
        arena.release(mark);
        return loss;
    }

    /// Logits of every row, for inference: `(N, V)` on the arena.
    public Tensor logits(Tape tape, UnitParameters head, Variable x) {
        Tensor logits = tape.arena().allocate(x.data().dtype(), x.data().dim(0), config.vocabSize());
        long mark = tape.arena().mark();
        tape.normLinear(x, head.get("model.norm.weight"), config.rmsNormEps(), false, List.of(new Tape.Projection(logits, headMatrix(head), null)));
        tape.arena().release(mark);
        return logits;
    }

    private Parameter headMatrix(UnitParameters head) {
        return head.get(config.tieWordEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight");
    }
}
