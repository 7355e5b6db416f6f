package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/// Which buffer each unit of one part of a model is gathered into, and which one its gradient is made in.
///
/// Embedding and head are large and never needed at once: gather slot 0 is theirs. Where blocks are dropped after forward they rotate through
/// slots 1 and 2, so one is gathered while the other is computed with; where they stay until backward each has a slot of its own.
///
/// A unit that one rank holds whole needs no gather slot, if its shard is laid out and typed as the unsharded unit.
///
/// Gradients rotate through two slots, so that one is read by the other ranks while the next is made. Slot 0 holds the embedding's, the
/// head's and, from the last block but one, every other block's; slot 1, of a block's size, the rest. A tied embedding's
/// gradient is begun by the head and ended by the last backward: slot 0 is then its own, and blocks rotate through 1 and 2.
/// Slots that a part has no use for are left out, and what is frozen has no gradient.
///
/// @param gatherSlotNumel elements of each gather slot
/// @param gradientSlotNumel elements of each gradient slot
/// @param gatherSlot by unit; [#IN_PLACE] for none
/// @param gradientSlot by unit; empty for a frozen part
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
    public static BufferPlan of(ModelPlan model, ModelPlan.Part part, DType dtype) {
        boolean tied = model.headLayer() == 0;
        int lastBlock = model.lastBlock();
        var gatherSlot = new ArrayList<Integer>();
        var gradientSlot = new ArrayList<Integer>();
        for (UnitPlan unit : part.plan().units()) {
            int layer = part.layer(unit);
            int turn = (lastBlock - layer) % 2;                 // backward begins with the last block
            boolean block = layer >= 1 && layer <= lastBlock;
            int blockSlot = model.sharding().reshardsAfterForward() ? 1 + turn : layer;
            if (dtype == part.shardDtype(dtype) && unit.isShardUnsharded()) { gatherSlot.add(IN_PLACE); }
            else { gatherSlot.add(block ? blockSlot : 0); }
            if (!block) { gradientSlot.add(0); }
            else { gradientSlot.add(tied ? 1 + turn : 1 - turn); }
        }
        List<Integer> gathers = dense(gatherSlot);
        List<Integer> gradients = part.isTrained() ? dense(gradientSlot) : List.of();
        return new BufferPlan(slotSizes(part, gathers), slotSizes(part, gradients), gathers, gradients);
    }

    /// The same slots under numbers from 0 on, without gaps.
    private static List<Integer> dense(List<Integer> slots) {
        var used = new TreeSet<>(slots);
        used.remove(IN_PLACE);
        return slots.stream().map(slot -> slot == IN_PLACE ? slot : used.headSet(slot).size()).toList();
    }

    private static List<Long> slotSizes(ModelPlan.Part part, List<Integer> slotOfUnit) {
        var sizes = new ArrayList<Long>();
        slotOfUnit.stream().filter(slot -> slot != IN_PLACE).distinct().forEach(_ -> sizes.add(0L));
        for (int u = 0; u < slotOfUnit.size(); u++) {
            int slot = slotOfUnit.get(u);
            if (slot != IN_PLACE) { sizes.set(slot, Math.max(sizes.get(slot), part.plan().units().get(u).unshardedNumel())); }
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
