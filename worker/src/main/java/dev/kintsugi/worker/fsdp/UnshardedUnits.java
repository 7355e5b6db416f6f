package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.BufferPlan;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The slots that units are gathered into and make their gradients in, and the views of every unit's parameters on them.
/// The memory belongs to the collective group. What a slot holds is the step program's business.
public final class UnshardedUnits {
    private final BufferPlan buffers;
    private final List<GatherBuffer> gatherSlots = new ArrayList<>();
    private final List<GradientBuffer> gradientSlots = new ArrayList<>();
    private final List<UnitParameters> parameters = new ArrayList<>();

    /// Every rank makes the same calls on its group, in the same order.
    public UnshardedUnits(ShardPlan plan, CollectiveGroup group) {
        buffers = BufferPlan.of(plan);
        for (long numel : buffers.gatherSlotNumel()) {
            gatherSlots.add(group.gatherBuffer("unsharded-" + gatherSlots.size(), numel * DType.F32.bytes()));
        }
        for (long numel : buffers.gradientSlotNumel()) {
            gradientSlots.add(group.gradientBuffer("gradient-" + gradientSlots.size(), numel * DType.F32.bytes()));
        }
        for (UnitPlan unit : plan.units()) {
            parameters.add(UnitParameters.of(unit, gatherSlot(unit).segment(), gradientSlot(unit).segment(), DType.F32));
        }
    }

    public GatherBuffer gatherSlot(UnitPlan unit) {
        return gatherSlots.get(buffers.gatherSlot().get(unit.index()));
    }

    GradientBuffer gradientSlot(UnitPlan unit) {
        return gradientSlots.get(buffers.gradientSlot().get(unit.index()));
    }

    /// Views on the slots; valid while the unit is unsharded.
    UnitParameters parameters(UnitPlan unit) {
        return parameters.get(unit.index());
    }

    /// Makes the unit's unsharded gradient zero, padding included.
    void zeroGradient(UnitPlan unit) {
        MemorySegment slot = gradientSlot(unit).segment();
        slot.asSlice(0, unit.unshardedNumel() * DType.F32.bytes()).fill((byte) 0);
    }
}
