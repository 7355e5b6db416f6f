package dev.kintsugi.sharding.architecture;

/// Reads a model's `config.json`.
public final class ModelConfigParser {
    private ModelConfigParser() {}

    /// @param source the file's name, for messages
    /// @throws IllegalArgumentException one sentence that names the file and the field
    public static ModelConfig parse(String json, String source) {
        ConfigObject config = ConfigObject.parse(json, source);
        try {
            return Architecture.of(config).parse(config);
        } catch (IllegalArgumentException e) {
            throw e.getMessage().startsWith(source) ? e : config.error(e.getMessage());
        }
    }
}
