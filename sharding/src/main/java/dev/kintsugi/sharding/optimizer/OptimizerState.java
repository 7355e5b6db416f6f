package dev.kintsugi.sharding.optimizer;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.List;

/// What an optimizer keeps between steps beside the weights.
///
/// @param optimizer its name: `adamw`
/// @param slots in the order of the rank's file
public record OptimizerState(String optimizer, List<StateSlot> slots) {
    /// Both moments, as large as the parameters.
    public static final OptimizerState ADAMW = new OptimizerState("adamw", List.of(new StateSlot("exp_avg", DType.F32, StateExtent.ELEMENT, StateOf.ALL),
            new StateSlot("exp_avg_sq", DType.F32, StateExtent.ELEMENT, StateOf.ALL)));

    public OptimizerState {
        slots = List.copyOf(slots);
    }

    /// For people: `adamw (exp_avg, exp_avg_sq)`.
    public String describe() {
        if (slots.isEmpty()) { return optimizer; }
        return "%s (%s)".formatted(optimizer, String.join(", ", slots.stream().map(StateSlot::name).distinct().toList()));
    }

    /// Of the buffer of one slot and unit on a rank.
    public static long bytes(StateSlot slot, UnitPlan unit, int rank) {
        return StateShard.of(slot, unit, rank).stream().mapToLong(StateShard::bytes).sum();
    }

    /// Of all that a rank holds.
    public long bytes(ShardPlan plan, int rank) {
        return slots.stream().mapToLong(s -> plan.units().stream().mapToLong(u -> bytes(s, u, rank)).sum()).sum();
    }

    /// Of all that a rank saves, without the file's header.
    public long savedBytes(ShardPlan plan, int rank) {
        return slots.stream().mapToLong(s -> plan.units().stream().mapToLong(u -> savedBytes(s, u, rank)).sum()).sum();
    }

    /// Of what a rank saves of one slot and unit, which is all it has there or nothing.
    public static long savedBytes(StateSlot slot, UnitPlan unit, int rank) {
        return StateShard.of(slot, unit, rank).stream().filter(StateShard::isSaved).mapToLong(StateShard::bytes).sum();
    }

    /// Of all that one copy of the model has, saved once.
    public long bytes(ModelSpec model) {
        return slots.stream().mapToLong(s -> model.parameters().stream().mapToLong(p -> s.tensor(p.name(), p.shape()).map(StateTensor::bytes)
                .orElse(0L)).sum()).sum();
    }
}
