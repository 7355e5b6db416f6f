package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// A unit of the plan that a checkpoint was saved with.
public record SavedUnit(String name, List<SavedParameter> parameters) {
    public SavedUnit {
        requireNonNull(name, "name is null");
        parameters = List.copyOf(parameters);
    }
}
