package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;

/// Gradient descent, with momentum or without, as `torch.optim.SGD`.
final class SgdOptimizer implements Optimizer {
    private final Kernels kernels;
    private final OptimizerSettings.Sgd settings;
    private final SquaredUpdates squares;

    SgdOptimizer(Kernels kernels, OptimizerSettings.Sgd settings, ShardPlan plan) {
        this.kernels = kernels;
        this.settings = settings;
        this.squares = new SquaredUpdates(plan);
    }

    @Override
    public void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit) {
        double rise = update.number() == 1 ? 1 : 1 - settings.dampening();     // PyTorch begins with the gradient itself
        Shards.each(state, beforeUnit, (u, i, spec, shard) -> {
            var step = new Kernels.Sgd(update.learningRate(), settings.momentum(), rise, settings.nesterov(), spec.decay() ? settings.weightDecay() : 0,
                    update.gradScale());
            Tensor momentum = settings.momentum() == 0 ? null : Shards.view(state.slots().getFirst().get(u), shard);
            squares.set(u, i, kernels.sgd(Shards.view(state.parameters().get(u), shard), momentum, Shards.view(gradients.get(u), shard), step));
        });
    }

    @Override
    public double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate) {
        return squares.get(unit, parameter);
    }
}
