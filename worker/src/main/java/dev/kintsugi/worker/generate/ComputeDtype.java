package dev.kintsugi.worker.generate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.failure.CallerException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `--dtype`, with Transformers' names: what weights, values and the key/value cache are held in.
enum ComputeDtype {
    AUTO, FLOAT32, BFLOAT16;

    static final String DESCRIPTION = "Type to hold weights, values and key/value cache in: float32, bfloat16 or auto (default: ${DEFAULT-VALUE}). auto is "
            + "what config.json says (dtype or torch_dtype) and, where it says nothing, what the weights are; float16 and float64 then become float32.";
    private static final List<String> CONFIG_FIELDS = List.of("dtype", "torch_dtype");

    /// @param config config.json, for `auto`
    /// @param areWeightsBf16 for `auto` and a config that says nothing
    /// @throws CallerException for `auto` and a config that names some other type
    DType resolve(Path config, boolean areWeightsBf16) {
        return switch (this) {
            case FLOAT32 -> DType.F32;
            case BFLOAT16 -> DType.BF16;
            case AUTO -> configured(config).map(name -> named(name, config)).orElse(areWeightsBf16 ? DType.BF16 : DType.F32);
        };
    }

    private static Optional<String> configured(Path config) {
        try {
            JsonNode node = new JsonMapper().readTree(config);
            return CONFIG_FIELDS.stream().map(node::path).filter(JsonNode::isString).map(JsonNode::asString).findFirst();
        } catch (JacksonException e) {
            throw new CallerException("%s: not valid JSON: %s; correct it".formatted(config, e.getOriginalMessage()), e);
        }
    }

    private static DType named(String name, Path config) {
        return switch (name) {
            case "bfloat16", "torch.bfloat16" -> DType.BF16;
            case "float32", "torch.float32", "float16", "torch.float16", "float64", "torch.float64" -> DType.F32;
            default -> throw new CallerException("%s: dtype=%s is not supported; give --dtype float32 or --dtype bfloat16".formatted(config, name));
        };
    }

    /// Reads the option's value.
    static final class Converter implements ITypeConverter<ComputeDtype> {
        @Override
        public ComputeDtype convert(String value) {
            for (ComputeDtype dtype : values()) { if (dtype.toString().equals(value)) { return dtype; } }
            throw new TypeConversionException("'%s' is not one of auto, float32 and bfloat16".formatted(value));
        }
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
