package dev.kintsugi.sharding.architecture;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// What is gathered at once. Units are in the order of the forward pass.
///
/// @param name for people and journals: `embedding`, `model.layers.3`, `head`
public record UnitSpec(String name, Kind kind, List<ParameterSpec> parameters) {
    public enum Kind {
        /// Token embedding; with tied embeddings also the final norm, and it stays gathered until the loss is done.
        EMBEDDING,
        /// One transformer block.
        BLOCK,
        /// Final norm and language-model head. Absent when embeddings are tied.
        HEAD
    }

    public UnitSpec {
        requireNonNull(name, "name is null");
        requireNonNull(kind, "kind is null");
        parameters = List.copyOf(parameters);
    }
}
