package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.IntConsumer;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019): nothing crosses ranks here. Parameters whose `decay` is false are not decayed.
final class AdamWOptimizer implements Optimizer {
    private final Kernels kernels;
    private final OptimizerSettings.AdamW settings;

    AdamWOptimizer(Kernels kernels, OptimizerSettings.AdamW settings) {
        this.kernels = kernels;
        this.settings = settings;
    }

    @Override
    public void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit) {
        Shards.each(state, beforeUnit, (u, _, spec, shard) -> kernels.adamw(Shards.view(state.parameters().get(u), shard),
                Shards.view(state.slots().get(0).get(u), shard), Shards.view(state.slots().get(1).get(u), shard), Shards.view(gradients.get(u), shard),
                step(update, spec)));
    }

    Kernels.AdamW step(Update update, ParameterSpec spec) {
        return new Kernels.AdamW(update.learningRate(), settings.beta1(), settings.beta2(), settings.epsilon(), spec.decay() ? settings.weightDecay() : 0,
                biasCorrection(settings.beta1(), update.number()), biasCorrection(settings.beta2(), update.number()), update.gradScale());
    }

    private static double biasCorrection(double beta, long update) {
        return 1 - StrictMath.pow(beta, update);
    }

    /// Weight decay aside: moments have not changed since.
    @Override
    public double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate) {
        RowShard shard = state.plan().units().get(unit).rowShards(state.rank()).get(parameter);
        return squaredUpdate(Shards.view(state.slots().get(0).get(unit), shard).data(), Shards.view(state.slots().get(1).get(unit), shard).data(), last,
                learningRate);
    }

    /// @param expAvg, expAvgSq equally long, f32
    double squaredUpdate(MemorySegment expAvg, MemorySegment expAvgSq, long last, double learningRate) {
        double biasCorrection1 = biasCorrection(settings.beta1(), last);
        double biasCorrection2 = biasCorrection(settings.beta2(), last);
        double sum = 0;
        for (long i = 0; i < expAvg.byteSize() / Float.BYTES; i++) {
            double root = Math.sqrt(expAvgSq.getAtIndex(ValueLayout.JAVA_FLOAT, i) / biasCorrection2) + settings.epsilon();
            sum += Math.pow(learningRate * expAvg.getAtIndex(ValueLayout.JAVA_FLOAT, i) / biasCorrection1 / root, 2);
        }
        return sum;
    }
}
