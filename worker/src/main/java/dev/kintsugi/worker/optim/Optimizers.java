package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.kernel.Kernels;

/// The optimizer that settings ask for.
public final class Optimizers {
    private Optimizers() {}

    /// @param group of all ranks; every rank makes the same updates
    public static Optimizer open(OptimizerSettings settings, Kernels kernels, ShardPlan plan, int rank, Exchange group) {
        return switch (settings) {
            case OptimizerSettings.AdamW adamw -> new AdamWOptimizer(kernels, adamw);
            case OptimizerSettings.AdamW8Bit eightBit -> new EightBitOptimizer(kernels, eightBit, plan, rank);
            case OptimizerSettings.Sgd sgd -> new SgdOptimizer(kernels, sgd, plan);
            case OptimizerSettings.RmsProp rmsprop -> new RmsPropOptimizer(kernels, rmsprop, plan);
            case OptimizerSettings.Adafactor adafactor -> new AdafactorOptimizer(kernels, adafactor, plan, rank, group);
        };
    }
}
