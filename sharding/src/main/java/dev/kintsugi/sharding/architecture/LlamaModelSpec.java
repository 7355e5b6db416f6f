package dev.kintsugi.sharding.architecture;

import java.util.ArrayList;
import java.util.List;

/// The meta-initialised Llama and its relatives: parameter names, shapes, init rules and units of a [LlamaConfig].
final class LlamaModelSpec {
    private LlamaModelSpec() {}

    /// Units in forward order: the embedding, each block, the head with the final norm. With tied embeddings the embedding unit takes
    /// the final norm and there is no head: it stays gathered from the first lookup to the loss.
    static List<UnitSpec> units(LlamaConfig c) {
        var units = new ArrayList<UnitSpec>();
        var embedding = new UnitBuilder(c.initializerRange()).matrix(c.embeddingName(), c.vocabSize(), c.hiddenSize());
        if (c.tieWordEmbeddings()) { embedding.gain("model.norm", c.hiddenSize()); }
        units.add(embedding.build("embedding", UnitSpec.Kind.EMBEDDING));
        for (int layer = 0; layer < c.numHiddenLayers(); layer++) { units.add(block(c, "model.layers." + layer)); }
        if (!c.tieWordEmbeddings()) {
            units.add(new UnitBuilder(c.initializerRange()).gain("model.norm", c.hiddenSize()).matrix(c.headName(), c.vocabSize(), c.hiddenSize())
                    .build("head", UnitSpec.Kind.HEAD));
        }
        return units;
    }

    private static UnitSpec block(LlamaConfig c, String prefix) {
        var unit = new UnitBuilder(c.initializerRange());
        unit.gain(prefix + ".input_layernorm", c.hiddenSize());
        unit.linear(prefix + ".self_attn.q_proj", c.queryDim(), c.hiddenSize(), c.projectionBias());
        unit.linear(prefix + ".self_attn.k_proj", c.keyValueDim(), c.hiddenSize(), c.projectionBias());
        unit.linear(prefix + ".self_attn.v_proj", c.keyValueDim(), c.hiddenSize(), c.projectionBias());
        unit.linear(prefix + ".self_attn.o_proj", c.hiddenSize(), c.queryDim(), c.outputBias());
        if (c.headNorms()) { unit.gain(prefix + ".self_attn.q_norm", c.headDim()).gain(prefix + ".self_attn.k_norm", c.headDim()); }
        unit.gain(prefix + ".post_attention_layernorm", c.hiddenSize());
        unit.linear(prefix + ".mlp.gate_proj", c.intermediateSize(), c.hiddenSize(), c.mlpBias());
        unit.linear(prefix + ".mlp.up_proj", c.intermediateSize(), c.hiddenSize(), c.mlpBias());
        unit.linear(prefix + ".mlp.down_proj", c.hiddenSize(), c.intermediateSize(), c.mlpBias());
        return unit.build(prefix, UnitSpec.Kind.BLOCK);
    }
}
