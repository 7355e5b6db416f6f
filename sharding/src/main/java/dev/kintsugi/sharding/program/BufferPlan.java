package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;

/// Which buffer each unit is gathered into, and which one its gradient is made in.
///
/// Embedding and head are large and never needed at once: gather slot 0 is theirs. Where blocks are dropped after forward they rotate through
/// slots 1 and 2, so one is gathered while the other is computed with; where they stay until backward each has a slot of its own.
///
/// A unit that one rank holds whole needs no gather slot to compute in f32, if its shard is laid out as the unsharded unit.
///
/// Gradients rotate through two slots, so that one is read by the other ranks while the next is made. Slot 0 holds the embedding's, the
/// head's and, from the last block but one, every other block's; slot 1, of a block's size, the rest. A tied embedding's
/// gradient is begun by the head and ended by the last backward: slot 0 is then its own, and blocks rotate through 1 and 2.
///
/// @param gatherSlotNumel elements of each gather slot
/// @param gradientSlotNumel elements of each gradient slot
/// @param gatherSlot by unit; [#IN_PLACE] for none
/// @param gradientSlot by unit
public record BufferPlan(List<Long> gatherSlotNumel, List<Long> gradientSlotNumel, List<Integer> gatherSlot, List<Integer> gradientSlot) {
    /// The gather slot of a unit that is used where its shard lies.
    public static final int IN_PLACE = -1;

    public BufferPlan {
        gatherSlotNumel = List.copyOf(gatherSlotNumel);
        gradientSlotNumel = List.copyOf(gradientSlotNumel);
        gatherSlot = List.copyOf(gatherSlot);
        gradientSlot = List.copyOf(gradientSlot);
    }

    /// @param dtype of gathered weights
    public static BufferPlan of(ShardPlan plan, DType dtype) {
        boolean tied = plan.units().getLast().spec().kind() != UnitSpec.Kind.HEAD;
        int lastBlock = plan.units().size() - (tied ? 1 : 2);
        var gatherSlot = new ArrayList<Integer>();
        var gradientSlot = new ArrayList<Integer>();
        for (UnitPlan unit : plan.units()) {
            int turn = (lastBlock - unit.index()) % 2;          // backward begins with the last block
            boolean block = unit.index() >= 1 && unit.index() <= lastBlock;
            int blockSlot = plan.sharding().reshardsAfterForward() ? 1 + turn : unit.index();
            if (dtype == DType.F32 && unit.isShardUnsharded()) { gatherSlot.add(IN_PLACE); }
            else { gatherSlot.add(block ? blockSlot : 0); }
            if (!block) { gradientSlot.add(0); }
            else { gradientSlot.add(tied ? 1 + turn : 1 - turn); }
        }
        return new BufferPlan(slotSizes(plan, gatherSlot), slotSizes(plan, gradientSlot), gatherSlot, gradientSlot);
    }

    private static List<Long> slotSizes(ShardPlan plan, List<Integer> slotOfUnit) {
        var sizes = new ArrayList<Long>();
        for (UnitPlan unit : plan.units()) {
            int slot = slotOfUnit.get(unit.index());
            if (slot == IN_PLACE) { continue; }
            while (sizes.size() <= slot) { sizes.add(0L); }
            sizes.set(slot, Math.max(sizes.get(slot), unit.unshardedNumel()));
        }
        return sizes;
    }

    public boolean isInPlace(UnitPlan unit) {
        return gatherSlot.get(unit.index()) == IN_PLACE;
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
