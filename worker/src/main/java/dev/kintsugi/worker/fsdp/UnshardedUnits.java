package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.BufferPlan;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import dev.kintsugi.worker.memory.ShardWeights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The slots that units are gathered into and make their gradients in, and the views of every layer's parameters on them.
/// The memory belongs to the collective group. What a slot holds is the step program's business. Units whose shard is the whole unit, laid out and
/// typed as computation wants it, have no gather slot: they are used in place.
public final class UnshardedUnits {
    private final ModelPlan model;
    private final CollectiveGroup group;
    private final BufferPlan trained;
    private final List<List<Gather>> gathers = new ArrayList<>();
    private final List<GradientBuffer> gradientSlots = new ArrayList<>();
    private final List<UnitParameters> parameters = new ArrayList<>();

    /// How one unit of a layer is gathered.
    private record Gather(UnitPlan unit, MemorySegment shard, GatherBuffer slot) {}

    /// Every rank makes the same calls on its group, in the same order.
    ///
    /// @param dtype of gathered weights
    /// @param shards this rank's weights, of each part of the model
    public UnshardedUnits(ModelPlan model, CollectiveGroup group, DType dtype, List<ShardWeights> shards) {
        this.model = model;
        this.group = group;
        this.trained = BufferPlan.of(model, model.trained(), dtype);
        for (int layer = 0; layer < model.layers(); layer++) {
            gathers.add(new ArrayList<>());
            parameters.add(UnitParameters.of(model.layerName(layer), model.lora()));
        }
        for (int part = 0; part < shards.size(); part++) { addPart(model.parts().get(part), shards.get(part), dtype); }
    }

    private void addPart(ModelPlan.Part part, ShardWeights shards, DType dtype) {
        BufferPlan buffers = part.isTrained() ? trained : BufferPlan.of(model, part, dtype);
        String prefix = part.isTrained() ? "" : "frozen-";
        var slots = new ArrayList<GatherBuffer>();
        for (long numel : buffers.gatherSlotNumel()) {
            slots.add(group.gatherBuffer(prefix + "unsharded-" + slots.size(), numel, dtype, part.shardDtype(dtype)));
        }
        for (long numel : buffers.gradientSlotNumel()) { gradientSlots.add(group.gradientBuffer("gradient-" + gradientSlots.size(), numel)); }
        for (UnitPlan unit : part.plan().units()) {
            int layer = part.layer(unit);
            MemorySegment weights = shards.segments().get(unit.index());
            if (!buffers.isInPlace(unit)) {
                GatherBuffer slot = slots.get(buffers.gatherSlot().get(unit.index()));
                gathers.get(layer).add(new Gather(unit, weights, slot));
                weights = slot.segment();
            }
            parameters.get(layer).add(unit, weights, part.isTrained() ? gradientSlot(unit).segment() : null, dtype, DType.F32);
        }
    }

    /// Begins to gather all of a layer.
    void unshard(int layer) {
        for (Gather g : gathers.get(layer)) { group.beginAllGather(g.unit, g.shard, g.slot); }
    }

    /// Returns when the layer's parameters hold its weights.
    void await(int layer) {
        for (Gather g : gathers.get(layer)) { group.awaitAllGather(g.slot); }
    }

    /// This rank does not use the layer's weights any more.
    void reshard(int layer) {
        for (Gather g : gathers.get(layer)) { group.release(g.slot); }
    }

    /// f32 and large enough for the whole unit.
    ///
    /// @param unit of the trained part
    public GradientBuffer gradientSlot(UnitPlan unit) {
        return gradientSlots.get(trained.gradientSlot().get(unit.index()));
    }

    /// Views on the slots; valid while the layer is unsharded.
    UnitParameters parameters(int layer) {
        return parameters.get(layer);
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
        return parameters.get(model.trained().layer(unit)).get(p.spec().name());
    }
}
