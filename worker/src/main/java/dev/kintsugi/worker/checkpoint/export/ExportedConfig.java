package dev.kintsugi.worker.checkpoint.export;

import dev.kintsugi.sharding.architecture.ModelConfigParser;
import dev.kintsugi.worker.checkpoint.safetensors.ElementType;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The `config.json` of an export: the one the model was planned from, with the element type of what is beside it.
record ExportedConfig(ObjectNode config) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final List<String> SPECIAL_TOKENS = List.of("bos_token_id", "eos_token_id", "pad_token_id");

    /// @param type F32 or BF16
    static ExportedConfig of(String modelConfigJson, ElementType type) {
        var config = (ObjectNode) JSON.readTree(modelConfigJson);
        config.putArray("architectures").add(ModelConfigParser.parse(modelConfigJson, "config.json").architecture().transformersClass());
        // "dtype" is Transformers 5's name; "torch_dtype" is what versions before 4.56 read, and is warned about where both are.
        String dtype = type == ElementType.BF16 ? "bfloat16" : "float32";
        config.put("dtype", dtype);
        if (config.has("torch_dtype")) { config.put("torch_dtype", dtype); }
        return new ExportedConfig(config);
    }

    String configJson() {
        return JSON.writeValueAsString(config) + "\n";
    }

    /// What Transformers itself derives from a config; absent when the config names no special tokens.
    Optional<String> generationConfigJson() {
        ObjectNode generation = JSON.createObjectNode().put("_from_model_config", true);
        SPECIAL_TOKENS.stream().filter(config::hasNonNull).forEach(name -> generation.set(name, config.get(name)));
        return generation.size() == 1 ? Optional.empty() : Optional.of(JSON.writeValueAsString(generation) + "\n");
    }

    /// The `tokenizer_config.json` for a tokenizer that comes without one: the class that reads any `tokenizer.json`.
    String tokenizerConfigJson(JsonNode tokenizer) {
        ObjectNode o = JSON.createObjectNode().put("tokenizer_class", "PreTrainedTokenizerFast");
        if (config.hasNonNull("max_position_embeddings")) { o.set("model_max_length", config.get("max_position_embeddings")); }
        for (String name : SPECIAL_TOKENS) {
            if (!config.path(name).isIntegralNumber()) { continue; }
            for (JsonNode added : tokenizer.path("added_tokens")) {
                if (added.path("id").asLong(-1) == config.get(name).longValue()) {
                    o.set(name.substring(0, name.length() - "_id".length()), added.get("content"));
                }
            }
        }
        return JSON.writeValueAsString(o) + "\n";
    }
}
