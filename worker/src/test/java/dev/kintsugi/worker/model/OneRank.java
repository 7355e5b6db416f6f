package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.optim.GradientNorm;
import dev.kintsugi.worker.optim.Optimizer;
import dev.kintsugi.worker.optim.Optimizers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// AdamW training of a [MicroBatch] without any sharding machinery: master weights in shard layout, copied by hand.
final class OneRank {
    private final MicroBatch model;
    private final ShardBuffers state;
    private final List<MemorySegment> gradients;
    private final GradientNorm norm;
    private final Optimizer optimizer;
    private final double maxNorm;
    private long updates;

    OneRank(MicroBatch model, OptimizerSettings.AdamW settings, double maxNorm, Arena arena) {
        this.model = model;
        this.state = new ShardBuffers(model.plan, 0, OptimizerState.ADAMW, allocate(arena), List.of(allocate(arena), allocate(arena)));
        this.gradients = allocate(arena);
        this.norm = new GradientNorm(model.kernels, model.plan, 0);
        this.optimizer = Optimizers.open(settings, model.kernels, model.plan, 0, (_, mine) -> List.of(mine));
        this.maxNorm = maxNorm;
        copy(model.weights, state.parameters(), true);
    }

    private List<MemorySegment> allocate(Arena arena) {
        var segments = new ArrayList<MemorySegment>();
        for (UnitPlan unit : model.plan.units()) { segments.add(arena.allocate(unit.shardNumel(0) * Float.BYTES, 64)); }
        return segments;
    }

    record Result(double loss, double gradNorm) {}

    /// One update from `ids (micro-batches, B * T)`.
    Result step(StepArena arena, int[][] ids, long B, long T, double learningRate) {
        double predicted = ids.length * B * (T - 1.0);
        model.zeroGradients();
        double loss = 0;
        for (int[] microbatch : ids) { loss += model.run(arena, microbatch, B, T, 1 / predicted, ActivationCheckpointing.NONE); }
        copy(model.gradients, gradients, true);
        double gradNorm = Math.sqrt(norm.squared(model.plan, 0, gradients).toDouble());
        optimizer.update(state, gradients, new Optimizer.Update(++updates, learningRate, GradientNorm.clipCoefficient(gradNorm, maxNorm), gradNorm), _ -> {});
        copy(model.weights, state.parameters(), false);
        return new Result(loss / predicted, gradNorm);
    }

    /// Between the unsharded layout and the shard's.
    private void copy(List<MemorySegment> unsharded, List<MemorySegment> shards, boolean toShards) {
        for (UnitPlan unit : model.plan.units()) {
            for (RowShard s : unit.rowShards(0)) {
                MemorySegment full = unsharded.get(unit.index()).asSlice(s.unshardedOffset() * Float.BYTES, s.numel() * Float.BYTES);
                MemorySegment shard = shards.get(unit.index()).asSlice(s.shardOffset() * Float.BYTES, s.numel() * Float.BYTES);
                if (toShards) {
                    shard.copyFrom(full);
                } else {
                    full.copyFrom(shard);
                }
            }
        }
    }
}
