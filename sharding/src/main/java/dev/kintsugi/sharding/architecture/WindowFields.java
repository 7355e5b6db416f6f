package dev.kintsugi.sharding.architecture;

import java.util.List;

/// The fields of a `config.json` that give attention a sliding window. All blocks have it or none; each method returns the window in positions,
/// [ModelConfig#NO_WINDOW] without one, and refuses a `layer_types` that says otherwise.
final class WindowFields {
    private static final int WINDOW_DEFAULT = 4096;
    private static final String FULL = "full_attention";
    private static final String SLIDING = "sliding_attention";

    private WindowFields() {}

    static int none(ConfigObject config) {
        return checked(config, ModelConfig.NO_WINDOW);
    }

    /// Mistral: `sliding_window`, unless it is null.
    static int always(ConfigObject config) {
        return checked(config, window(config));
    }

    /// Qwen: `sliding_window` if `use_sliding_window` says so, in the layers that `layer_types` names, else in those from `max_window_layers` on.
    static int fromLayer(ConfigObject config) {
        int window = config.flag("use_sliding_window", false) ? window(config) : ModelConfig.NO_WINDOW;
        List<String> types = config.texts("layer_types");
        if (!types.isEmpty()) { return checked(config, types.stream().allMatch(FULL::equals) ? ModelConfig.NO_WINDOW : window); }
        int fullLayers = config.wholeNumber("max_window_layers", 28);
        if (window == ModelConfig.NO_WINDOW || fullLayers >= config.positiveInt("num_hidden_layers")) { return ModelConfig.NO_WINDOW; }
        if (fullLayers > 0) {
            throw config.wrong("max_window_layers", "0 or at least num_hidden_layers: a window in some layers only is not supported");
        }
        return window;
    }

    private static int window(ConfigObject config) {
        return config.isNull("sliding_window") ? ModelConfig.NO_WINDOW : config.positiveInt("sliding_window", WINDOW_DEFAULT);
    }

    private static int checked(ConfigObject config, int window) {
        String type = window == ModelConfig.NO_WINDOW ? FULL : SLIDING;
        if (!config.texts("layer_types").stream().allMatch(type::equals)) {
            throw config.wrong("layer_types", "\"%s\" in every layer".formatted(type));
        }
        return window;
    }
}
