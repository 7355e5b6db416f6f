package dev.kintsugi.sharding.architecture;

/// The rotary fields of a `config.json`, in both of Transformers' dialects: `rope_theta` with `rope_scaling`, and version 5's `rope_parameters`.
final class RopeFields {
    private RopeFields() {}

    /// @param old the field's name where there is no `rope_parameters`
    static double theta(ConfigObject config, String old) {
        ConfigObject rope = config.object("rope_parameters");
        double atTop = config.positiveNumber(old, 10000);
        return rope == null ? atTop : rope.positiveNumber("rope_theta", atTop);
    }

    static RopeScaling scaling(ConfigObject config, int maxPositions) {
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
