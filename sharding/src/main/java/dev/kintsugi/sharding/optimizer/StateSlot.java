package dev.kintsugi.sharding.optimizer;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.sharding.architecture.DType;
import java.util.List;
import java.util.Optional;

/// A tensor that an optimizer keeps for each parameter, or for some.
///
/// @param name as in the state dict of PyTorch's optimizer: `exp_avg`. Slots of one name are for different parameters
/// @param of the parameters that have it
public record StateSlot(String name, DType dtype, StateExtent extent, StateOf of) {
    public StateSlot {
        if (name.isEmpty()) { throw new IllegalArgumentException("slot without a name"); }
        requireNonNull(dtype, "dtype is null");
        requireNonNull(extent, "extent is null");
        requireNonNull(of, "of is null");
    }

    /// What is kept for that parameter, if anything.
    public Optional<StateTensor> tensor(String parameter, List<Long> parameterShape) {
        if (!of.has(parameter, parameterShape)) { return Optional.empty(); }
        return Optional.of(new StateTensor(dtype, extent.shape(parameterShape), extent != StateExtent.COLUMN));
    }

    /// As PyTorch's flattened optimizer state dict has it: `state.<parameter>.exp_avg`.
    public String tensorName(String parameter) {
        return "state." + parameter + "." + name;
    }
}
