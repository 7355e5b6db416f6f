package dev.kintsugi.sharding.adapter;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// PEFT's `adapter_config.json`, read and written.
public final class AdapterConfigs {
    /// The file's name, beside `adapter_model.safetensors`.
    public static final String FILE = "adapter_config.json";

    /// Variants of LoRA that would compute something else: these fields must be absent, null, false or empty.
    private static final Set<String> OTHER_VARIANTS = Set.of("use_dora", "use_qalora", "alora_invocation_tokens", "layer_replication", "target_parameters",
            "trainable_token_indices", "lora_bias", "fan_in_fan_out", "rank_pattern", "alpha_pattern", "exclude_modules", "layers_to_transform",
            "layers_pattern", "megatron_config", "use_bdlora", "velora_config", "kasa_config", "monteclora_config", "arrow_config");
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private AdapterConfigs() {}

    /// @param baseModel the name or path of the model that the adapters belong to
    public static String toJson(LoraConfig lora, String baseModel) {
        ObjectNode root = JSON.createObjectNode();
        root.put("base_model_name_or_path", baseModel).put("bias", "none").put("fan_in_fan_out", false).put("inference_mode", true)
                .put("init_lora_weights", true).put("lora_alpha", lora.alpha()).put("lora_dropout", lora.dropout());
        root.set("modules_to_save", lora.modulesToSave().isEmpty() ? root.nullNode() : array(lora.modulesToSave()));
        root.put("peft_type", "LORA").put("r", lora.r());
        switch (lora.targets()) {
            case TargetModules.AllLinear _ -> root.put("target_modules", TargetModules.ALL_LINEAR);
            case TargetModules.Names(List<String> names) -> root.set("target_modules", array(names));
            case TargetModules.Regex(Pattern pattern) -> root.put("target_modules", pattern.pattern());
        }
        root.put("task_type", "CAUSAL_LM").put("use_rslora", lora.rankStabilised());
        return JSON.writeValueAsString(root) + "\n";
    }

    private static ArrayNode array(List<String> texts) {
        ArrayNode array = JSON.createArrayNode();
        texts.forEach(array::add);
        return array;
    }

    /// @param source the file's name, for messages
    /// @throws IllegalArgumentException one sentence that names the file and the field
    public static LoraConfig parse(String json, String source) {
        try {
            JsonNode root = JSON.readTree(json);
            if (!"LORA".equals(root.path("peft_type").asString(""))) {
                throw new IllegalArgumentException("peft_type=%s; only LORA adapters are read".formatted(root.path("peft_type").asString("(none)")));
            }
            for (String field : OTHER_VARIANTS) { requireOff(root, field); }
            String bias = root.path("bias").asString("none");
            if (!bias.equals("none")) { throw new IllegalArgumentException("bias=%s; only none is read".formatted(bias)); }
            return new LoraConfig(root.path("r").asInt(8), root.path("lora_alpha").asDouble(8), root.path("lora_dropout").asDouble(0),
                    targets(root.path("target_modules")), root.path("use_rslora").asBoolean(false), texts(root.path("modules_to_save")));
        } catch (JacksonException e) {
            throw new IllegalArgumentException("%s is not valid JSON (%s); copy it again".formatted(source, e.getOriginalMessage()), e);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("%s: %s".formatted(source, e.getMessage()), e);
        }
    }

    private static void requireOff(JsonNode root, String field) {
        JsonNode value = root.path(field);
        boolean off = value.isMissingNode() || value.isNull() || value.isBoolean() && !value.asBoolean() || value.isContainer() && value.isEmpty();
        if (off) { return; }
        throw new IllegalArgumentException("%s=%s is a variant of LoRA that is not supported; train the adapters without it".formatted(field, value));
    }

    private static TargetModules targets(JsonNode field) {
        if (field.isString()) { return TargetModules.of(field.asString()); }
        if (field.isArray() && !field.isEmpty()) { return new TargetModules.Names(texts(field)); }
        throw new IllegalArgumentException("target_modules=%s; name the layers that have adapters".formatted(field));
    }

    private static List<String> texts(JsonNode field) {
        var texts = new ArrayList<String>();
        if (field.isArray()) { field.forEach(t -> texts.add(t.asString())); }
        return texts;
    }
}
