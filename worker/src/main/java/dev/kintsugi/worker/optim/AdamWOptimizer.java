package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.IntConsumer;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019) over a rank's own shards: nothing crosses ranks here.
public final class AdamWOptimizer {
    private final Kernels kernels;
    private final Settings settings;

    /// As in PyTorch; parameters whose `decay` is false are not decayed.
    public record Settings(double beta1, double beta2, double epsilon, double weightDecay) {}

    public AdamWOptimizer(Kernels kernels, Settings settings) {
        this.kernels = kernels;
        this.settings = settings;
    }

    /// @param gradients one segment a unit, f32, laid out like the shards
    /// @param update counts from 1: the exponent of the bias corrections
    /// @param gradScale the clipping coefficient
    /// @param beforeUnit hears the index of each unit before its weights and moments change: nothing else ever changes them
    public void update(ShardBuffers state, List<MemorySegment> gradients, long update, double learningRate, double gradScale,
            IntConsumer beforeUnit) {
        double biasCorrection1 = 1 - StrictMath.pow(settings.beta1, update);
        double biasCorrection2 = 1 - StrictMath.pow(settings.beta2, update);
        for (UnitPlan unit : state.plan().units()) {
            beforeUnit.accept(unit.index());
            List<RowShard> shards = unit.rowShards(state.rank());
            for (int i = 0; i < shards.size(); i++) {
                RowShard shard = shards.get(i);
                if (shard.rows() == 0) { continue; }
                ParameterSpec spec = unit.parameters().get(i).spec();
                var step = new Kernels.AdamW(learningRate, settings.beta1, settings.beta2, settings.epsilon,
                        spec.decay() ? settings.weightDecay : 0, biasCorrection1, biasCorrection2, gradScale);
                int u = unit.index();
                kernels.adamw(view(state.parameters().get(u), shard), view(state.slots().get(0).get(u), shard),
                        view(state.slots().get(1).get(u), shard), view(gradients.get(u), shard), step);
            }
        }
    }

    /// The sum of squares of what the last update added, weight decay aside: moments have not changed since.
    ///
    /// @param expAvg, expAvgSq equally long, f32
    /// @param update its number
    /// @param learningRate its rate
    public double squaredUpdate(MemorySegment expAvg, MemorySegment expAvgSq, long update, double learningRate) {
        double biasCorrection1 = 1 - StrictMath.pow(settings.beta1, update);
        double biasCorrection2 = 1 - StrictMath.pow(settings.beta2, update);
        double sum = 0;
        for (long i = 0; i < expAvg.byteSize() / Float.BYTES; i++) {
            double root = Math.sqrt(expAvgSq.getAtIndex(ValueLayout.JAVA_FLOAT, i) / biasCorrection2) + settings.epsilon;
            sum += Math.pow(learningRate * expAvg.getAtIndex(ValueLayout.JAVA_FLOAT, i) / biasCorrection1 / root, 2);
        }
        return sum;
    }

    private static Tensor view(MemorySegment unitShard, RowShard shard) {
        return new Tensor(unitShard.asSlice(shard.shardOffset() * DType.F32.bytes()), DType.F32, shard.numel());
    }
}
