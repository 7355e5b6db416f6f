package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;

/// Which buffer each unit is gathered into, and which one its gradient is made in.
///
/// Embedding and head are large and never needed at once: gather slot 0 is theirs. Blocks rotate through slots 1 and 2, so one is
/// gathered while the other is computed with.
///
/// Gradients rotate through two slots, so that one is read by the other ranks while the next is made. Slot 0 holds the embedding's, the
/// head's and, from the last block but one, every other block's; slot 1, of a block's size, the rest. A tied embedding's
/// gradient is begun by the head and ended by the last backward: slot 0 is then its own, and blocks rotate through 1 and 2.
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
        int lastBlock = plan.units().size() - (tied ? 1 : 2);
        var gatherSlot = new ArrayList<Integer>();
        var gradientSlot = new ArrayList<Integer>();
        for (UnitPlan unit : plan.units()) {
            int turn = (lastBlock - unit.index()) % 2;          // backward begins with the last block
            boolean block = unit.index() >= 1 && unit.index() <= lastBlock;
            gatherSlot.add(block ? 1 + turn : 0);
            if (!block) { gradientSlot.add(0); }
            else { gradientSlot.add(tied ? 1 + turn : 1 - turn); }
        }
        return new BufferPlan(slotSizes(plan, gatherSlot), slotSizes(plan, gradientSlot), gatherSlot, gradientSlot);
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
