package dev.kintsugi.sharding.architecture;

/// Reads a Llama's `config.json`, in both of Transformers' dialects: `rope_theta` with `rope_scaling`, and version 5's
/// `rope_parameters`. Defaults are those of Transformers' `LlamaConfig`.
public final class LlamaConfigParser {
    private LlamaConfigParser() {}

    /// @param source the file's name, for messages
    /// @throws IllegalArgumentException one sentence that names the file and the field
    public static LlamaConfig parse(String json, String source) {
        ConfigObject config = ConfigObject.parse(json, source);
        refuseWhatIsNotLlama(config);
        int hidden = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        if (!config.has("head_dim") && hidden % heads != 0) {
            throw config.error("hidden_size=%d is not a multiple of num_attention_heads=%d and there is no head_dim"
                    .formatted(hidden, heads));
        }
        int maxPositions = config.positiveInt("max_position_embeddings", 2048);
        try {
            return new LlamaConfig(hidden, config.positiveInt("intermediate_size"), config.positiveInt("num_hidden_layers"),
                    heads,
                    config.positiveInt("num_key_value_heads", heads), config.positiveInt("head_dim", hidden / heads),
                    config.positiveInt("vocab_size"), maxPositions, config.positiveNumber("rms_norm_eps", 1e-6),
                    ropeTheta(config),
                    ropeScaling(config, maxPositions), config.flag("tie_word_embeddings", false),
                    config.flag("attention_bias", false),
                    config.flag("mlp_bias", false), config.positiveNumber("initializer_range", 0.02));
        } catch (IllegalArgumentException e) {
            throw e.getMessage().startsWith(source) ? e : config.error(e.getMessage());
        }
    }

    private static void refuseWhatIsNotLlama(ConfigObject config) {
        String modelType = config.text("model_type", "(none)");
        if (!modelType.equals("llama")) {
            throw config.error("model_type=%s is not supported; this version trains llama".formatted(modelType));
        }
        String activation = config.text("hidden_act", "silu");
        if (!activation.equals("silu")) { throw config.wrong("hidden_act", "silu"); }
        if (config.number("attention_dropout", 0) != 0) {
            throw config.wrong("attention_dropout", "0: dropout is not supported");
        }
    }

    private static double ropeTheta(ConfigObject config) {
        ConfigObject rope = config.object("rope_parameters");
        double atTop = config.positiveNumber("rope_theta", 10000);
        return rope == null ? atTop : rope.positiveNumber("rope_theta", atTop);
    }

    private static RopeScaling ropeScaling(ConfigObject config, int maxPositions) {
        ConfigObject rope = config.has("rope_parameters") ? config.object("rope_parameters") : config.object("rope_scaling");
        if (rope == null) { return new RopeScaling.None(); }
        String type = rope.text("rope_type", rope.text("type", "default"));
        return switch (type) {
            case "default" -> new RopeScaling.None();
            case "linear" -> new RopeScaling.Linear(rope.positiveNumber("factor"));
            case "llama3" -> llama3(rope, maxPositions);
            default -> throw rope.error("rope_type=%s is not supported; use default, linear or llama3".formatted(type));
        };
    }

    private static RopeScaling llama3(ConfigObject rope, int maxPositions) {
        var scaling = new RopeScaling.Llama3(rope.positiveNumber("factor"), rope.positiveNumber("low_freq_factor"),
                rope.positiveNumber("high_freq_factor"), rope.positiveNumber("original_max_position_embeddings", maxPositions));
        if (scaling.highFreqFactor() <= scaling.lowFreqFactor()) {
            throw rope.error("high_freq_factor=%s must be above low_freq_factor=%s"
                    .formatted(scaling.highFreqFactor(), scaling.lowFreqFactor()));
        }
        return scaling;
    }
}
