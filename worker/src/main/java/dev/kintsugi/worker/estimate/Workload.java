package dev.kintsugi.worker.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.estimate.StepWork;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.sharding.program.StepProgram;

/// What is trained, as far as time depends on it.
///
/// @param rounds micro-batches of a rank in a step
/// @param batch B, samples of a micro-batch
/// @param length T, tokens of a sample
/// @param dtype of values and gathered weights
record Workload(ModelConfig config, Sharding sharding, int rounds, int batch, int length, DType dtype, ActivationCheckpointing checkpointing) {
    ModelPlan plan() {
        return ModelPlan.of(ShardPlanner.plan(ModelSpec.of(config), sharding));
    }

    /// Of rank 0, which has as much as any.
    StepWork work() {
        ModelPlan plan = plan();
        return StepWork.of(plan, StepProgram.of(plan), 0, rounds, batch, length, dtype, checkpointing);
    }

    int worldSize() {
        return sharding.worldSize();
    }

    long tokensPerStep() {
        return (long) worldSize() * rounds * batch * length;
    }

    /// The same with fewer blocks, ranks and micro-batches, fully sharded: enough to measure rates.
    Workload smaller(int blocks, int ranks) {
        return new Workload(config.withBlocks(blocks), Sharding.fullShard(Math.min(ranks, worldSize())), 1, batch, length, dtype, checkpointing);
    }
}
