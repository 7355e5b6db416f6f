package dev.kintsugi.sharding.estimate;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.MemoryEstimator.Estimate;
import dev.kintsugi.sharding.estimate.MemoryEstimator.Item;
import dev.kintsugi.sharding.plan.ModelPlan;
import java.util.ArrayList;

/// What a job's data adds to a rank's memory: evaluations of more samples at once than a step has room for, and the positions of tokens in samples of
/// several examples. Of specs with their defaults filled in.
public final class DataMemory {
    private DataMemory() {}

    public static boolean evaluates(JobSpec spec) {
        return !spec.getEvalStrategy().isEmpty() && !spec.getEvalStrategy().equals("no");
    }

    /// @param training of the same rank, without that
    public static Estimate added(Estimate training, JobSpec spec, ModelPlan model) {
        var items = new ArrayList<>(training.items());
        long step = items.stream().filter(i -> i.purpose().equals(MemoryEstimator.ACTIVATIONS) || i.purpose().equals(MemoryEstimator.GRADIENTS))
                .mapToLong(Item::bytes).sum();
        if (evaluates(spec)) { items.add(new Item("evaluation", Math.max(0, evaluationBytes(spec, model) - step))); }
        if (joins(spec)) { items.add(new Item("token positions", positions(spec) * DType.I32.bytes())); }
        return new Estimate(training.rank(), items);
    }

    /// Of the step's arena, in an evaluation; 0 without one.
    public static long evaluationBytes(JobSpec spec, ModelPlan model) {
        if (!evaluates(spec)) { return 0; }
        return StepMemory.evaluationBytes(model, spec.getPerDeviceEvalBatchSize(), spec.getPerDeviceTrainBatchSize(), spec.getMaxLength(),
                spec.getBf16() ? DType.BF16 : DType.F32, spec.getThreads());
    }

    /// Elements, for the larger micro-batch of training and evaluation; 0 where samples are of one example.
    public static long positions(JobSpec spec) {
        int samples = Math.max(spec.getPerDeviceTrainBatchSize(), evaluates(spec) ? spec.getPerDeviceEvalBatchSize() : 0);
        return joins(spec) ? (long) samples * spec.getMaxLength() : 0;
    }

    private static boolean joins(JobSpec spec) {
        return spec.getPacking() && spec.getPackingStrategy().equals("bfd");
    }
}
