package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.optimizer.StateSlot;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/// AdamW with moments of 8 bits (Dettmers et al. 2022): a quarter of the memory. Embeddings, vectors and small matrices have theirs in f32.
final class EightBitOptimizer implements Optimizer {
    private final Kernels kernels;
    private final OptimizerSettings.AdamW8Bit settings;
    private final EightBitBlocks blocks = new EightBitBlocks();
    private final SquaredUpdates squares;
    private final AdamWOptimizer exact;
    private final List<List<Map<Integer, StateShard>>> places;      // by slot, unit and parameter

    EightBitOptimizer(Kernels kernels, OptimizerSettings.AdamW8Bit settings, ShardPlan plan, int rank) {
        this.kernels = kernels;
        this.settings = settings;
        this.squares = new SquaredUpdates(plan);
        this.exact = new AdamWOptimizer(kernels, new OptimizerSettings.AdamW(settings.beta1(), settings.beta2(), settings.epsilon(), settings.weightDecay()));
        this.places = settings.state().slots().stream().map(s -> plan.units().stream().map(u -> places(s, u, rank)).toList()).toList();
    }

    private static Map<Integer, StateShard> places(StateSlot slot, UnitPlan unit, int rank) {
        var places = new HashMap<Integer, StateShard>();
        for (StateShard s : StateShard.of(slot, unit, rank)) { places.put(s.parameter(), s); }
        return places;
    }

    @Override
    public void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit) {
        Shards.each(state, beforeUnit, (u, i, spec, shard) -> {
            Kernels.AdamW step = exact.step(update, spec);
            if (isLarge(u, i)) {
                squares.set(u, i, blocks.update(rows(state, gradients, u, i, shard), step));
            } else {
                kernels.adamw(Shards.view(state.parameters().get(u), shard), small(state, "state1", u, i), small(state, "state2", u, i),
                        Shards.view(gradients.get(u), shard), step);
            }
        });
    }

    private boolean isLarge(int unit, int parameter) {
        return places.getFirst().get(unit).containsKey(parameter);
    }

    private EightBitBlocks.Rows rows(ShardBuffers state, List<MemorySegment> gradients, int u, int i, RowShard shard) {
        return new EightBitBlocks.Rows(Shards.view(state.parameters().get(u), shard).data(), Shards.view(gradients.get(u), shard).data(),
                slot(state, "state1", u, i), slot(state, "state2", u, i), slot(state, "absmax1", u, i), slot(state, "absmax2", u, i), shard.rows(),
                shard.rowNumel());
    }

    private Tensor small(ShardBuffers state, String name, int unit, int parameter) {
        MemorySegment data = slot(state, name, unit, parameter);
        return new Tensor(data, DType.F32, data.byteSize() / Float.BYTES);
    }

    /// Of the slots of that name the one that has the parameter.
    private MemorySegment slot(ShardBuffers state, String name, int unit, int parameter) {
        OptimizerState slots = state.optimizer();
        for (int s = 0; s < slots.slots().size(); s++) {
            StateShard place = places.get(s).get(unit).get(parameter);
            if (place != null && slots.slots().get(s).name().equals(name)) {
                return state.slots().get(s).get(unit).asSlice(place.offsetBytes(), place.bytes());
            }
        }
        throw new AssertionError("parameter %d of unit %d has no %s".formatted(parameter, unit, name));
    }

    @Override
    public double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate) {
        if (isLarge(unit, parameter)) { return squares.get(unit, parameter); }
        if (state.plan().units().get(unit).rowShards(state.rank()).get(parameter).rows() == 0) { return 0; }
        return exact.squaredUpdate(small(state, "state1", unit, parameter).data(), small(state, "state2", unit, parameter).data(), last, learningRate);
    }
}
