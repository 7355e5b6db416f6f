package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.GptNeoXConfig;
import dev.kintsugi.worker.autograd.Norm;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.util.List;

/// A block of GPT-NeoX ([Black et al. 2022](https://arxiv.org/abs/2204.06745); names as in Transformers' `modeling_gpt_neox`).
///
/// ```
/// N rows   C hidden, of all heads   F intermediate
/// ```
final class GptNeoXBlock implements Block {
    static final LayerName FINAL_NORM = LayerName.of("gpt_neox.final_layer_norm");
    private static final LayerName INPUT_NORM = LayerName.of("input_layernorm");
    private static final LayerName HEADS = LayerName.of("attention.query_key_value");
    private static final LayerName OUTPUT = LayerName.of("attention.dense");
    private static final LayerName MLP_NORM = LayerName.of("post_attention_layernorm");
    private static final LayerName UP = LayerName.of("mlp.dense_h_to_4h");
    private static final LayerName DOWN = LayerName.of("mlp.dense_4h_to_h");

    private final GptNeoXConfig config;
    private final SelfAttention selfAttention;

    GptNeoXBlock(GptNeoXConfig config, SelfAttention selfAttention) {
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

        Tensor hidden = arena.allocate(dtype, at.rows(), config.intermediateSize());
        Variable read = config.parallelResidual() ? x : middle;
        Variable h = tape.normLinear(read, norm(config, block, MLP_NORM), pass.keepsNorms(),
                List.of(UP.projection(block, hidden))).getFirst();
        Variable down = tape.geluLinear(output, h, config.activation(), DOWN.linear(block), pass.computesOutput());
        Variable y = tape.addResidual(middle, down, pass.computesOutput());

        if (!tape.isRecording()) { arena.release(mark); }
        return y;
    }

    /// Norm and self-attention up to the output projection: (N, C) to (N, C).
    private Variable attention(Tape tape, UnitParameters block, Variable x, Positions at, Pass pass) {
        StepArena arena = tape.arena();
        DType dtype = x.data().dtype();
        Tensor queries = arena.allocate(dtype, at.rows(), config.queryDim());
        Tensor keys = at.newKeys(arena, dtype, config.keyValueDim());
        Tensor values = at.newValues(arena, dtype, config.keyValueDim());
        List<Variable> heads = tape.normHeads(x, norm(config, block, INPUT_NORM), pass.keepsNorms(),
                HEADS.linear(block), config.headDim(), List.of(queries, keys, values));
        return selfAttention.attend(tape, heads.get(0), heads.get(1), heads.get(2), at);
    }

    static Norm norm(GptNeoXConfig config, UnitParameters unit, LayerName name) {
        return new Norm.Layer(name.weight(unit), name.bias(unit), config.layerNormEps());
    }
}
