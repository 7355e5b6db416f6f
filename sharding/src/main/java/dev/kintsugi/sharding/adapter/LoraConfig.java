package dev.kintsugi.sharding.adapter;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// Low-rank adapters ([Hu et al. 2021](https://arxiv.org/abs/2106.09685), section 4.1): `W x + scale B A x`, with names and defaults of PEFT's `LoraConfig`.
///
/// @param r rank: rows of A, columns of B
/// @param alpha numerator of the scale
/// @param dropout probability that an element of A's input is zeroed in training
/// @param targets which linear layers have adapters
/// @param rankStabilised whether the scale is `alpha / sqrt(r)` ([Kalajdzievski 2023](https://arxiv.org/abs/2312.03732)) instead of `alpha / r`
/// @param modulesToSave names, or ends of names, of modules that are trained as a whole beside the adapters
public record LoraConfig(int r, double alpha, double dropout, TargetModules targets, boolean rankStabilised, List<String> modulesToSave) {
    public LoraConfig {
        requireNonNull(targets, "targets is null");
        modulesToSave = List.copyOf(modulesToSave);
        if (r < 1) { throw new IllegalArgumentException("lora_r=%d; must be >= 1".formatted(r)); }
        if (!(alpha > 0 && alpha < Double.POSITIVE_INFINITY)) { throw new IllegalArgumentException("lora_alpha=%s; must be > 0".formatted(alpha)); }
        if (!(dropout >= 0 && dropout < 1)) { throw new IllegalArgumentException("lora_dropout=%s; must be in [0, 1)".formatted(dropout)); }
    }

    /// What `B A x` is multiplied by.
    public double scale() {
        return rankStabilised ? alpha / Math.sqrt(r) : alpha / r;
    }
}
