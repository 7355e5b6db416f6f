package dev.kintsugi.sharding.architecture;

import java.util.List;

/// A meta-initialised model: names, shapes and init rules of all parameters, grouped into units; no data.
///
/// @param config the architecture's own settings
public record ModelSpec(ModelConfig config, List<UnitSpec> units) {
    public ModelSpec {
        units = List.copyOf(units);
    }

    public static ModelSpec of(ModelConfig config) {
        return switch (config) {
            case LlamaConfig llama -> new ModelSpec(config, LlamaModelSpec.units(llama));
            case GptNeoXConfig neox -> new ModelSpec(config, GptNeoXModelSpec.units(neox));
        };
    }

    public List<ParameterSpec> parameters() {
        return units.stream().flatMap(u -> u.parameters().stream()).toList();
    }

    public long numel() {
        return parameters().stream().mapToLong(ParameterSpec::numel).sum();
    }
}
