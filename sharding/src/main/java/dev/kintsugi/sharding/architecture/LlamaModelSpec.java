package dev.kintsugi.sharding.architecture;

import java.util.ArrayList;
import java.util.List;

/// The meta-initialised Llama: parameter names, shapes, init rules and units of a [LlamaConfig].
///
/// Units in forward order: the embedding, each block, the head with the final norm. With tied embeddings the embedding unit takes
/// the final norm and there is no head: it stays gathered from the first lookup to the loss.
public final class LlamaModelSpec {
    private LlamaModelSpec() {}

    public static ModelSpec of(LlamaConfig c) {
        var units = new ArrayList<UnitSpec>();
        ParameterSpec embedding = matrix(c, "model.embed_tokens.weight", c.vocabSize(), c.hiddenSize());
        ParameterSpec finalNorm = gain("model.norm.weight", c.hiddenSize());
        units.add(new UnitSpec("embedding", UnitSpec.Kind.EMBEDDING,
                c.tieWordEmbeddings() ? List.of(embedding, finalNorm) : List.of(embedding)));
        for (int layer = 0; layer < c.numHiddenLayers(); layer++) {
            units.add(block(c, "model.layers." + layer));
        }
        if (!c.tieWordEmbeddings()) {
            units.add(new UnitSpec("head", UnitSpec.Kind.HEAD,
                    List.of(finalNorm, matrix(c, "lm_head.weight", c.vocabSize(), c.hiddenSize()))));
        }
        return new ModelSpec(c, units);
    }

    private static UnitSpec block(LlamaConfig c, String prefix) {
        var parameters = new ArrayList<ParameterSpec>();
        parameters.add(gain(prefix + ".input_layernorm.weight", c.hiddenSize()));
        addLinear(parameters, c, prefix + ".self_attn.q_proj", c.queryDim(), c.hiddenSize(), c.attentionBias());
        addLinear(parameters, c, prefix + ".self_attn.k_proj", c.keyValueDim(), c.hiddenSize(), c.attentionBias());
        addLinear(parameters, c, prefix + ".self_attn.v_proj", c.keyValueDim(), c.hiddenSize(), c.attentionBias());
        addLinear(parameters, c, prefix + ".self_attn.o_proj", c.hiddenSize(), c.queryDim(), c.attentionBias());
        parameters.add(gain(prefix + ".post_attention_layernorm.weight", c.hiddenSize()));
        addLinear(parameters, c, prefix + ".mlp.gate_proj", c.intermediateSize(), c.hiddenSize(), c.mlpBias());
        addLinear(parameters, c, prefix + ".mlp.up_proj", c.intermediateSize(), c.hiddenSize(), c.mlpBias());
        addLinear(parameters, c, prefix + ".mlp.down_proj", c.hiddenSize(), c.intermediateSize(), c.mlpBias());
        return new UnitSpec(prefix, UnitSpec.Kind.BLOCK, parameters);
    }

    private static void addLinear(List<ParameterSpec> to, LlamaConfig c, String name, long out, long in, boolean bias) {
        to.add(matrix(c, name + ".weight", out, in));
        if (bias) { to.add(new ParameterSpec(name + ".bias", List.of(out), new InitRule.Constant(0), false)); }
    }

    private static ParameterSpec matrix(LlamaConfig c, String name, long out, long in) {
        return new ParameterSpec(name, List.of(out, in), new InitRule.Normal(c.initializerRange()), true);
    }

    private static ParameterSpec gain(String name, long channels) {
        return new ParameterSpec(name, List.of(channels), new InitRule.Constant(1), false);
    }
}
