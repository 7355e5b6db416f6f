package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.worker.autograd.Norm;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.util.List;

/// A block of Llama ([Touvron et al. 2023](https://arxiv.org/abs/2302.13971); names as in Transformers' `modeling_llama`) and of its relatives.
///
/// ```
/// N rows   C hidden   H query heads   G key/value heads   D head size   F intermediate
/// ```
final class LlamaBlock implements Block {
    private static final LayerName INPUT_NORM = LayerName.of("input_layernorm");
    private static final LayerName QUERIES = LayerName.of("self_attn.q_proj");
    private static final LayerName KEYS = LayerName.of("self_attn.k_proj");
    private static final LayerName VALUES = LayerName.of("self_attn.v_proj");
    private static final LayerName QUERY_NORM = LayerName.of("self_attn.q_norm");
    private static final LayerName KEY_NORM = LayerName.of("self_attn.k_norm");
    private static final LayerName OUTPUT = LayerName.of("self_attn.o_proj");
    private static final LayerName MIDDLE_NORM = LayerName.of("post_attention_layernorm");
    private static final LayerName GATE = LayerName.of("mlp.gate_proj");
    private static final LayerName UP = LayerName.of("mlp.up_proj");
    private static final LayerName DOWN = LayerName.of("mlp.down_proj");

    private final LlamaConfig config;
    private final SelfAttention selfAttention;

    LlamaBlock(LlamaConfig config, SelfAttention selfAttention) {
        this.config = config;
        this.selfAttention = selfAttention;
    }

    @Override
    public Variable forward(Tape tape, UnitParameters block, Variable x, Positions at, Pass pass) {
        StepArena arena = tape.arena();
        DType dtype = x.data().dtype();
        Tensor output = arena.allocate(dtype, at.rows(), config.hiddenSize());
        long mark = arena.mark();

        Variable attended = attention(tape, block, x, at, pass);
        Variable branch = tape.linear(attended, OUTPUT.linear(block));
        Variable middle = tape.addResidual(x, branch);

        Tensor gates = arena.allocate(dtype, at.rows(), config.intermediateSize());
        Tensor ups = arena.allocate(dtype, at.rows(), config.intermediateSize());
        List<Variable> gated = tape.normLinear(middle, norm(block, MIDDLE_NORM), pass.keepsNorms(), List.of(
                GATE.projection(block, gates), UP.projection(block, ups)));
        Variable down = tape.swigluLinear(output, gated.getFirst(), gated.getLast(), DOWN.linear(block), pass.computesOutput());
        Variable y = tape.addResidual(middle, down, pass.computesOutput());

        if (!tape.isRecording()) { arena.release(mark); }
        return y;
    }

    /// Norm and self-attention up to the output projection: (N, C) to (N, H * D).
    private Variable attention(Tape tape, UnitParameters block, Variable x, Positions at, Pass pass) {
        StepArena arena = tape.arena();
        DType dtype = x.data().dtype();
        boolean headNorms = config.headNorms();
        Tensor queries = arena.allocate(dtype, at.rows(), config.queryDim());
        Tensor keys = headNorms ? arena.allocate(dtype, at.rows(), config.keyValueDim()) : at.newKeys(arena, dtype, config.keyValueDim());
        Tensor values = at.newValues(arena, dtype, config.keyValueDim());
        List<Variable> projected = tape.normLinear(x, norm(block, INPUT_NORM), pass.keepsNorms(), List.of(
                QUERIES.projection(block, queries), KEYS.projection(block, keys), VALUES.projection(block, values)));
        Variable q = projected.get(0);
        Variable k = projected.get(1);
        if (headNorms) {
            q = headNorm(tape, block, QUERY_NORM, q, arena.allocate(dtype, at.rows(), config.queryDim()));
            k = headNorm(tape, block, KEY_NORM, k, at.newKeys(arena, dtype, config.keyValueDim()));
        }
        return selfAttention.attend(tape, q, k, projected.get(2), at);
    }

    /// Each head of `x (N, heads * D)` through the norm whose gain all heads share, into `y`.
    private Variable headNorm(Tape tape, UnitParameters block, LayerName norm, Variable x, Tensor y) {
        long heads = x.data().numel() / config.headDim();
        return tape.norm(y.reshape(heads, config.headDim()), tape.view(x, heads, config.headDim()), norm(block, norm));
    }

    private Norm norm(UnitParameters block, LayerName name) {
        return new Norm.Rms(name.weight(block), config.rmsNormEps());
    }
}
