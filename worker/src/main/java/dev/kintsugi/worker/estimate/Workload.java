package dev.kintsugi.worker.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.LlamaModelSpec;
import dev.kintsugi.sharding.estimate.StepWork;
import dev.kintsugi.sharding.plan.ShardPlan;
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
record Workload(LlamaConfig config, Sharding sharding, int rounds, int batch, int length, DType dtype, ActivationCheckpointing checkpointing) {
    ShardPlan plan() {
        return ShardPlanner.plan(LlamaModelSpec.of(config), sharding);
    }

    /// Of rank 0, which has as much as any.
    StepWork work() {
        ShardPlan plan = plan();
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
        LlamaConfig c = config;
        var cut = new LlamaConfig(c.hiddenSize(), c.intermediateSize(), Math.min(blocks, c.numHiddenLayers()), c.numAttentionHeads(),
                c.numKeyValueHeads(), c.headDim(), c.vocabSize(), c.maxPositionEmbeddings(), c.rmsNormEps(), c.ropeTheta(), c.ropeScaling(),
                c.tieWordEmbeddings(), c.attentionBias(), c.mlpBias(), c.initializerRange());
        return new Workload(cut, Sharding.fullShard(Math.min(ranks, worldSize())), 1, batch, length, dtype, checkpointing);
    }
}
