package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;

/// Which buffer each unit is gathered into, and which one its gradient is made in.
///
/// Where blocks are dropped after forward, two gather slots rotate over the units: unit i uses slot i mod 2. Where they stay, every block
/// has a slot of its own, and head and embedding, which are never needed at once, share one. One gradient slot serves all units. A tied
/// embedding is needed throughout, so it has a gather and a gradient slot of its own.
///
/// @param gatherSlotNumel elements of each gather slot
/// @param gradientSlotNumel elements of each gradient slot
/// @param gatherSlot by unit
/// @param gradientSlot by unit
public record BufferPlan(List<Long> gatherSlotNumel, List<Long> gradientSlotNumel, List<Integer> gatherSlot, List<Integer> gradientSlot) {
    public BufferPlan {
        gatherSlotNumel = List.copyOf(gatherSlotNumel);
        gradientSlotNumel = List.copyOf(gradientSlotNumel);
        gatherSlot = List.copyOf(gatherSlot);
        gradientSlot = List.copyOf(gradientSlot);
    }

    public static BufferPlan of(ShardPlan plan) {
        boolean tied = plan.units().getLast().spec().kind() != UnitSpec.Kind.HEAD;
        var gatherSlot = new ArrayList<Integer>();
        var gradientSlot = new ArrayList<Integer>();
        for (UnitPlan unit : plan.units()) {
            boolean ownSlot = tied && unit.index() == 0;
            gatherSlot.add(gatherSlot(plan, unit, ownSlot));
            gradientSlot.add(ownSlot ? 1 : 0);
        }
        return new BufferPlan(slotSizes(plan, gatherSlot), slotSizes(plan, gradientSlot), gatherSlot, gradientSlot);
    }

    private static int gatherSlot(ShardPlan plan, UnitPlan unit, boolean ownSlot) {
        if (plan.sharding().reshardsAfterForward()) { return ownSlot ? 2 : unit.index() % 2; }
        return unit.spec().kind() == UnitSpec.Kind.HEAD ? 0 : unit.index();
    }

    private static List<Long> slotSizes(ShardPlan plan, List<Integer> slotOfUnit) {
        var sizes = new ArrayList<Long>();
        for (UnitPlan unit : plan.units()) {
            int slot = slotOfUnit.get(unit.index());
            while (sizes.size() <= slot) { sizes.add(0L); }
            sizes.set(slot, Math.max(sizes.get(slot), unit.unshardedNumel()));
        }
        return sizes;
    }

    /// Elements of all gather slots.
    public long totalGatherNumel() {
        return gatherSlotNumel.stream().mapToLong(n -> n).sum();
    }

    /// Elements of all gradient slots.
    public long totalGradientNumel() {
        return gradientSlotNumel.stream().mapToLong(n -> n).sum();
    }
}
