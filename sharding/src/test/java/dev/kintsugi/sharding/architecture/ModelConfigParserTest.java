package dev.kintsugi.sharding.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigParserTest {
    private static final String BASE = """
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
            "vocab_size": 100""";

    @Test
    void shouldFillInTransformersDefaults() {
        ModelConfig c = ModelConfigParser.parse("{" + BASE + "}", "config.json");
        assertThat(c).isEqualTo(new LlamaConfig(64, 96, 2, 4, 4, 16, 100, 2048, 1e-6, 10000, new RopeScaling.None(), false, false,
                false, 0.02));
    }

    @Test
    void shouldReadBothRopeDialectsAlike() {
        ModelConfig old = ModelConfigParser.parse("{" + BASE + """
                , "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}""", "old");
        ModelConfig now = ModelConfigParser.parse("{" + BASE + """
                , "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}""", "now");
        assertThat(now).isEqualTo(old);
        assertThat(now.ropeScaling()).isEqualTo(new RopeScaling.Llama3(8, 1, 4, 32));
    }

    @Test
    void shouldReadTheOldNameOfTheRopeType() {
        ModelConfig c = ModelConfigParser.parse("{" + BASE + ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}", "f");
        assertThat(c.ropeScaling()).isEqualTo(new RopeScaling.Linear(2));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"model_type": "gpt2"}                         | model_type=gpt2 is not supported; models of these can be trained: llama, mistral, qwen2, qwen3
            {"hidden_size": 8}                             | model_type=(none)
            {BASE, "attention_dropout": 0.1}               | field attention_dropout=0.1 must be 0: dropout is not supported
            {"model_type": "llama"}                        | hidden_size is missing
            {                                              | not valid JSON
            []                                             | no JSON object
            {BASE, "num_key_value_heads": 3}               | num_key_value_heads=3
            {BASE, "head_dim": 15}                         | head_dim=15
            {BASE, "head_dim": "x"}                        | field head_dim="x" must be a whole number
            {BASE, "hidden_act": "gelu"}                   | hidden_act
            {BASE, "rope_scaling": {"rope_type": "yarn"}}  | rope_type=yarn is not supported; use default, linear or llama3
            {BASE, "rope_scaling": {"rope_type": "linear"}}| field factor is missing
            {BASE, "vocab_size": -5}                       | field vocab_size=-5 must be a whole number >= 1
            """)
    void shouldNameTheFileAndTheFieldThatIsWrong(String json, String expected) {
        assertThatThrownBy(() -> ModelConfigParser.parse(json.replace("BASE", BASE), "m/config.json"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("m/config.json").hasMessageContaining(expected);
    }

    @Test
    void shouldGiveRelativesTheirOwnParametersAndDefaults() {
        var qwen2 = (LlamaConfig) ModelConfigParser.parse("{" + BASE.replace("llama", "qwen2") + ", \"num_key_value_heads\": null}", "f");
        assertThat(qwen2.numKeyValueHeads()).isEqualTo(4);
        assertThat(names(qwen2)).contains("model.layers.1.self_attn.q_proj.bias").doesNotContain("model.layers.1.self_attn.o_proj.bias");
        var qwen3 = (LlamaConfig) ModelConfigParser.parse("{" + BASE.replace("llama", "qwen3") + ", \"num_key_value_heads\": 2}", "f");
        assertThat(qwen3.headDim()).isEqualTo(128);
        assertThat(names(qwen3)).contains("model.layers.1.self_attn.q_norm.weight").doesNotContain("model.layers.1.self_attn.q_proj.bias");
        assertThat(qwen3.architecture().transformersClass()).isEqualTo("Qwen3ForCausalLM");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            mistral |                                                                                                  | 4096
            mistral | "sliding_window": null                                                                           | 2147483647
            mistral | "sliding_window": 7, "layer_types": ["sliding_attention", "sliding_attention"]                   | 7
            llama   | "sliding_window": 7, "layer_types": ["full_attention", "full_attention"]                         | 2147483647
            qwen2   | "sliding_window": 7                                                                              | 2147483647
            qwen2   | "sliding_window": 7, "use_sliding_window": true                                                  | 2147483647
            qwen2   | "sliding_window": 7, "use_sliding_window": true, "max_window_layers": 0                          | 7
            qwen3   | "sliding_window": 7, "use_sliding_window": true, "layer_types": ["full_attention"]               | 2147483647
            qwen3   | "sliding_window": 7, "use_sliding_window": true, "layer_types": ["sliding_attention"]            | 7
            """)
    void shouldReadTheWindow(String type, String fields, int window) {
        assertThat(parse(type, fields).attentionWindow()).isEqualTo(window);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            qwen2   | "use_sliding_window": true, "max_window_layers": 1                                   | max_window_layers=1 must be 0 or at least
            qwen2   | "use_sliding_window": true, "layer_types": ["full_attention", "sliding_attention"]   | layer_types=["full_attention","slid
            qwen3   | "layer_types": ["sliding_attention"]                                                 | must be "full_attention" in every layer
            mistral | "layer_types": ["full_attention"]                                                    | must be "sliding_attention" in every layer
            llama   | "layer_types": ["chunked_attention"]                                                 | must be "full_attention" in every layer
            llama   | "layer_types": "full_attention"                                                      | must be a list of strings
            mistral | "sliding_window": 0                                                                  | sliding_window=0
            """)
    void shouldRefuseAWindowInSomeLayersOnly(String type, String fields, String expected) {
        assertThatThrownBy(() -> parse(type, fields)).hasMessageContaining(expected);
    }

    private static ModelConfig parse(String type, String fields) {
        return ModelConfigParser.parse("{" + BASE.replace("llama", type) + ", \"num_key_value_heads\": 2" + (fields == null ? "" : ", " + fields) + "}", "f");
    }

    private static List<String> names(ModelConfig config) {
        return ModelSpec.of(config).parameters().stream().map(ParameterSpec::name).toList();
    }

    @Test
    void shouldNameParametersAsHuggingFaceDoes() {
        LlamaConfig tied = new LlamaConfig(8, 12, 1, 2, 1, 4, 10, 16, 1e-6, 1e4, new RopeScaling.None(), true, true, true, 0.02);
        assertThat(ModelSpec.of(tied).units().stream().map(UnitSpec::name)).containsExactly("embedding", "model.layers.0");
        List<String> names = ModelSpec.of(tied).parameters().stream().map(ParameterSpec::name).toList();
        assertThat(names).contains("model.embed_tokens.weight", "model.norm.weight", "model.layers.0.self_attn.q_proj.bias",
                "model.layers.0.mlp.down_proj.bias").doesNotContain("lm_head.weight");
    }
}
