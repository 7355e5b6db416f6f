package dev.kintsugi.sharding.architecture;

/// Reads the `config.json` of Llama and of its relatives, with the defaults of Transformers' own configurations.
final class LlamaConfigs {
    private LlamaConfigs() {}

    /// What a relative says in fields of its own, or leaves unsaid.
    ///
    /// @param projectionBias of queries, keys and values
    /// @param headNorms see [LlamaConfig]
    private record Particulars(boolean projectionBias, boolean outputBias, boolean mlpBias, boolean headNorms, int window) {}

    /// What holds where a field is absent. Key/value heads and the head size: 0 stands for as many as heads, and for the hidden size over them.
    private record Defaults(int keyValueHeads, int headDim, int maxPositions) {}

    static LlamaConfig llama(ConfigObject config) {
        int window = WindowFields.none(config);
        boolean attentionBias = config.flag("attention_bias", false);
        return read(config, Architecture.LLAMA, new Defaults(0, 0, 2048),
                new Particulars(attentionBias, attentionBias, config.flag("mlp_bias", false), false, window));
    }

    static LlamaConfig mistral(ConfigObject config) {
        return read(config, Architecture.MISTRAL, new Defaults(8, 0, 131_072),
                new Particulars(false, false, false, false, WindowFields.always(config)));
    }

    static LlamaConfig qwen2(ConfigObject config) {
        return read(config, Architecture.QWEN2, new Defaults(32, 0, 32_768),
                new Particulars(true, false, false, false, WindowFields.fromLayer(config)));
    }

    static LlamaConfig qwen3(ConfigObject config) {
        boolean attentionBias = config.flag("attention_bias", false);
        return read(config, Architecture.QWEN3, new Defaults(32, 128, 32_768),
                new Particulars(attentionBias, attentionBias, false, true, WindowFields.fromLayer(config)));
    }

    private static LlamaConfig read(ConfigObject config, Architecture architecture, Defaults defaults, Particulars particulars) {
        String activation = config.text("hidden_act", "silu");
        if (!activation.equals("silu")) { throw config.wrong("hidden_act", "silu"); }
        config.refuseDropout("attention_dropout");
        int hidden = config.positiveInt("hidden_size");
        int heads = config.positiveInt("num_attention_heads");
        int maxPositions = config.positiveInt("max_position_embeddings", defaults.maxPositions);
        int keyValueHeads = config.positiveInt("num_key_value_heads", config.isNull("num_key_value_heads") || defaults.keyValueHeads == 0 ? heads
                : defaults.keyValueHeads);
        return new LlamaConfig(architecture, hidden, config.positiveInt("intermediate_size"), config.positiveInt("num_hidden_layers"), heads,
                keyValueHeads, headDim(config, defaults, hidden, heads), config.positiveInt("vocab_size"), maxPositions,
                config.positiveNumber("rms_norm_eps", 1e-6), RopeFields.theta(config), RopeFields.scaling(config, maxPositions),
                config.flag("tie_word_embeddings", false), particulars.projectionBias, particulars.outputBias, particulars.mlpBias,
                particulars.headNorms, particulars.window, config.positiveNumber("initializer_range", 0.02));
    }

    private static int headDim(ConfigObject config, Defaults defaults, int hidden, int heads) {
        if (config.has("head_dim") || defaults.headDim > 0) { return config.positiveInt("head_dim", defaults.headDim); }
        if (hidden % heads != 0) {
            throw config.error("hidden_size=%d is not a multiple of num_attention_heads=%d and there is no head_dim".formatted(hidden, heads));
        }
        return hidden / heads;
    }
}
