package dev.kintsugi.sharding.architecture;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// A parameter of a meta-initialised model: everything about it but its data.
///
/// @param name as in a Hugging Face checkpoint
/// @param shape elements; dimension 0 are the rows that sharding cuts
/// @param decay whether AdamW's weight decay applies (not to norm gains and biases)
public record ParameterSpec(String name, List<Long> shape, InitRule init, boolean decay) {
    public ParameterSpec {
        requireNonNull(name, "name is null");
        requireNonNull(init, "init is null");
        shape = List.copyOf(shape);
        if (shape.isEmpty() || shape.stream().anyMatch(d -> d < 1)) {
            throw new IllegalArgumentException("parameter %s: shape=%s; every dimension must be >= 1".formatted(name, shape));
        }
    }

    public long rows() {
        return shape.getFirst();
    }

    /// Elements of one row.
    public long rowNumel() {
        long numel = 1;
        for (int d = 1; d < shape.size(); d++) { numel = Math.multiplyExact(numel, shape.get(d)); }
        return numel;
    }

    public long numel() {
        long numel = 1;
        for (long extent : shape) { numel = Math.multiplyExact(numel, extent); }       // asked for in every step: no stream
        return numel;
    }
}
