package dev.kintsugi.sharding.architecture;

import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.Collectors;

/// The architectures that can be trained, by the `model_type` of their `config.json`. A new one is a line here; docs/architectures.md says what else.
public enum Architecture {
    LLAMA("llama", "LlamaForCausalLM", LlamaConfigs::llama),
    MISTRAL("mistral", "MistralForCausalLM", LlamaConfigs::mistral),
    QWEN2("qwen2", "Qwen2ForCausalLM", LlamaConfigs::qwen2),
    QWEN3("qwen3", "Qwen3ForCausalLM", LlamaConfigs::qwen3);

    private final String modelType;
    private final String transformersClass;
    private final Function<ConfigObject, ModelConfig> parser;

    Architecture(String modelType, String transformersClass, Function<ConfigObject, ModelConfig> parser) {
        this.modelType = modelType;
        this.transformersClass = transformersClass;
        this.parser = parser;
    }

    /// As `config.json` has it.
    public String modelType() {
        return modelType;
    }

    /// The class of Transformers that reads an export.
    public String transformersClass() {
        return transformersClass;
    }

    ModelConfig parse(ConfigObject config) {
        return parser.apply(config);
    }

    /// @throws IllegalArgumentException one sentence that names those that are known
    static Architecture of(ConfigObject config) {
        String given = config.text("model_type", "(none)");
        return Arrays.stream(values()).filter(a -> a.modelType.equals(given)).findFirst().orElseThrow(() -> config.error(
                "model_type=%s is not supported; models of these can be trained: %s".formatted(given,
                        Arrays.stream(values()).map(Architecture::modelType).collect(Collectors.joining(", ")))));
    }
}
