package dev.kintsugi.sharding.architecture;

/// Reads the `config.json` of a GPT-NeoX, with the defaults of Transformers' `GPTNeoXConfig`.
final class GptNeoXConfigs {
    private GptNeoXConfigs() {}

    static GptNeoXConfig read(ConfigObject config) {
        config.refuseDropout("attention_dropout");
        config.refuseDropout("hidden_dropout");
        WindowFields.none(config);
        int hidden = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int maxPositions = config.positiveInt("max_position_embeddings", 2048);
        return new GptNeoXConfig(hidden, config.positiveInt("intermediate_size"), config.positiveInt("num_hidden_layers"), heads,
                config.positiveInt("vocab_size"), maxPositions, config.positiveNumber("layer_norm_eps", 1e-5), rotaryDim(config, hidden / heads),
                RopeFields.theta(config, "rotary_emb_base"), RopeFields.scaling(config, maxPositions), config.flag("tie_word_embeddings", false),
                config.flag("attention_bias", true), config.flag("use_parallel_residual", true), activation(config),
                config.positiveNumber("initializer_range", 0.02));
    }

    private static int rotaryDim(ConfigObject config, int headDim) {
        double share = config.positiveNumber("rotary_pct", 0.25);
        ConfigObject rope = config.object("rope_parameters");
        return (int) (headDim * (rope == null ? share : rope.positiveNumber("partial_rotary_factor", share)));
    }

    private static Activation activation(ConfigObject config) {
        return switch (config.text("hidden_act", "gelu")) {
            case "gelu", "gelu_python" -> Activation.GELU;
            case "gelu_new", "gelu_fast", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
            default -> throw config.wrong("hidden_act", "gelu, gelu_new, gelu_fast or gelu_pytorch_tanh");
        };
    }
}
