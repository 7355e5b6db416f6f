package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.StepArena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The accumulators of one rank's gradients, f32, in the memory of its step arena, where a step's activations may have been before ([StepMemory]).
/// A unit's holds something from the beginning of its reduce-scatter in a step's first round to the end of the step.
public final class GradientShards {
    private final StepArena arena;
    private final StepMemory memory;
    private final List<MemorySegment> segments = new ArrayList<>();

    /// @param arena of `memory.bytes()`
    public GradientShards(ShardPlan plan, int rank, StepArena arena, StepMemory memory) {
        this.arena = arena;
        this.memory = memory;
        for (UnitPlan unit : plan.units()) {
            segments.add(arena.reserve(memory.gradientOffsets().get(unit.index()), unit.shardNumel(rank) * DType.F32.bytes()));
        }
    }

    /// One segment a unit, laid out like the shards.
    public List<MemorySegment> segments() {
        return List.copyOf(segments);
    }

    /// What they hold is not needed any more: activations may take their place.
    void forget() {
        arena.raiseCeiling();
    }

    /// The accumulator of a unit whose gradient begins to be summed. The arena stays below it from now on.
    MemorySegment begin(UnitPlan unit) {
        arena.lowerCeiling(memory.gradientOffsets().get(unit.index()));
        return of(unit);
    }

    MemorySegment of(UnitPlan unit) {
        return segments.get(unit.index());
    }
}
