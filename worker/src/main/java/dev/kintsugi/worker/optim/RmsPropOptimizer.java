package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;

/// RMSprop, as `torch.optim.RMSprop`.
final class RmsPropOptimizer implements Optimizer {
    private final Kernels kernels;
    private final OptimizerSettings.RmsProp settings;
    private final SquaredUpdates squares;

    RmsPropOptimizer(Kernels kernels, OptimizerSettings.RmsProp settings, ShardPlan plan) {
        this.kernels = kernels;
        this.settings = settings;
        this.squares = new SquaredUpdates(plan);
    }

    @Override
    public void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit) {
        Shards.each(state, beforeUnit, (u, i, spec, shard) -> {
            var step = new Kernels.RmsProp(update.learningRate(), settings.alpha(), settings.epsilon(), settings.momentum(),
                    spec.decay() ? settings.weightDecay() : 0, update.gradScale());
            squares.set(u, i, kernels.rmsprop(Shards.view(state.parameters().get(u), shard), slot(state, "square_avg", u, shard),
                    slot(state, "momentum_buffer", u, shard), slot(state, "grad_avg", u, shard), Shards.view(gradients.get(u), shard), step));
        });
    }

    /// Null where these settings have none of that name.
    private static Tensor slot(ShardBuffers state, String name, int unit, RowShard shard) {
        for (int s = 0; s < state.slots().size(); s++) {
            if (state.optimizer().slots().get(s).name().equals(name)) { return Shards.view(state.slots().get(s).get(unit), shard); }
        }
        return null;
    }

    @Override
    public double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate) {
        return squares.get(unit, parameter);
    }
}
