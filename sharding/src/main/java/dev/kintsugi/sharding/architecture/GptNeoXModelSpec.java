package dev.kintsugi.sharding.architecture;

import java.util.ArrayList;
import java.util.List;

/// The meta-initialised GPT-NeoX: parameter names, shapes, init rules and units of a [GptNeoXConfig].
final class GptNeoXModelSpec {
    private static final String FINAL_NORM = "gpt_neox.final_layer_norm";

    private GptNeoXModelSpec() {}

    /// In forward order, as of [LlamaModelSpec].
    static List<UnitSpec> units(GptNeoXConfig c) {
        var units = new ArrayList<UnitSpec>();
        var embedding = new UnitBuilder(c.initializerRange()).matrix(c.embeddingName(), c.vocabSize(), c.hiddenSize());
        if (c.tieWordEmbeddings()) { embedding.layerNorm(FINAL_NORM, c.hiddenSize()); }
        units.add(embedding.build("embedding", UnitSpec.Kind.EMBEDDING));
        for (int layer = 0; layer < c.numHiddenLayers(); layer++) { units.add(block(c, "gpt_neox.layers." + layer)); }
        if (!c.tieWordEmbeddings()) {
            units.add(new UnitBuilder(c.initializerRange()).layerNorm(FINAL_NORM, c.hiddenSize()).matrix(c.headName(), c.vocabSize(), c.hiddenSize())
                    .build("head", UnitSpec.Kind.HEAD));
        }
        return units;
    }

    /// Rows of `query_key_value` are a head's queries, keys and values, then the next head's.
    private static UnitSpec block(GptNeoXConfig c, String prefix) {
        var unit = new UnitBuilder(c.initializerRange());
        unit.layerNorm(prefix + ".input_layernorm", c.hiddenSize());
        unit.linear(prefix + ".attention.query_key_value", 3L * c.hiddenSize(), c.hiddenSize(), c.attentionBias());
        unit.linear(prefix + ".attention.dense", c.hiddenSize(), c.hiddenSize(), c.attentionBias());
        unit.layerNorm(prefix + ".post_attention_layernorm", c.hiddenSize());
        unit.linear(prefix + ".mlp.dense_h_to_4h", c.intermediateSize(), c.hiddenSize(), true);
        unit.linear(prefix + ".mlp.dense_4h_to_h", c.hiddenSize(), c.intermediateSize(), true);
        return unit.build(prefix, UnitSpec.Kind.BLOCK);
    }
}
