package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.BufferPlan;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The slots that units are gathered into and make their gradients in, and the views of every unit's parameters on them.
/// The memory belongs to the collective group. What a slot holds is the step program's business. Units whose shard is the whole unit, laid out and
/// typed as computation wants it, have no gather slot: they are used in place.
public final class UnshardedUnits {
    private final BufferPlan buffers;
    private final List<GatherBuffer> gatherSlots = new ArrayList<>();
    private final List<GradientBuffer> gradientSlots = new ArrayList<>();
    private final List<UnitParameters> parameters = new ArrayList<>();

    /// Every rank makes the same calls on its group, in the same order.
    ///
    /// @param dtype of gathered weights
    /// @param shards this rank's master weights, a segment a unit
    public UnshardedUnits(ShardPlan plan, CollectiveGroup group, DType dtype, List<MemorySegment> shards) {
        buffers = BufferPlan.of(plan, dtype);
        for (long numel : buffers.gatherSlotNumel()) { gatherSlots.add(group.gatherBuffer("unsharded-" + gatherSlots.size(), numel, dtype)); }
        for (long numel : buffers.gradientSlotNumel()) { gradientSlots.add(group.gradientBuffer("gradient-" + gradientSlots.size(), numel)); }
        for (UnitPlan unit : plan.units()) {
            MemorySegment weights = isInPlace(unit) ? shards.get(unit.index()) : gatherSlot(unit).segment();
            parameters.add(UnitParameters.of(unit, weights, gradientSlot(unit).segment(), dtype, DType.F32));
        }
    }

    /// Whether the unit's weights are used where its shard lies, and never gathered.
    boolean isInPlace(UnitPlan unit) {
        return buffers.isInPlace(unit);
    }

    /// Of a unit that is not used in place.
    public GatherBuffer gatherSlot(UnitPlan unit) {
        return gatherSlots.get(buffers.gatherSlot().get(unit.index()));
    }

    /// f32 and large enough for the whole unit, so that first weights go through it too.
    public GradientBuffer gradientSlot(UnitPlan unit) {
        return gradientSlots.get(buffers.gradientSlot().get(unit.index()));
    }

    /// Views on the slots; valid while the unit is unsharded.
    UnitParameters parameters(UnitPlan unit) {
        return parameters.get(unit.index());
    }

    /// From here on the unit's gradient slot holds its gradient, of which there is nothing yet.
    void beginGradient(UnitPlan unit) {
        for (ParameterPlan p : unit.parameters()) { parameter(unit, p).beginGradient(); }
    }

    /// Zeroes the gradients of parameters that no operation has used.
    void completeGradient(UnitPlan unit) {
        for (ParameterPlan p : unit.parameters()) {
            Parameter parameter = parameter(unit, p);
            if (parameter.takeBegun()) { parameter.grad().data().fill((byte) 0); }
        }
    }

    private Parameter parameter(UnitPlan unit, ParameterPlan p) {
        return parameters.get(unit.index()).get(p.spec().name());
    }
}
