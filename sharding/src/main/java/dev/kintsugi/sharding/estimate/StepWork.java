package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ModelPlan.Part;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.sharding.program.Instruction;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.ShareSums;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import dev.kintsugi.sharding.program.StepProgram;
import java.util.EnumMap;
import java.util.Map;

/// How much one rank computes (floating-point operations) and moves (bytes read and written) in a step, phase by phase: what the step program adds up to.
///
/// ```
/// B samples of a micro-batch   T tokens of a sample   N = B T   P weights of a unit's matrices   n elements of the rank's shard of a unit
/// Unshard        n (bytes of the shard's and the gathered dtype)   Forward    2 N P + attention 2 B T^2 (H d)
/// ReduceScatter  4 n (ranks + 2): all read, the accumulator r/w     Backward   4 N P + attention 5 B T^2 (H d), and the forward again when recomputed
///                of n / K, when K ranks hold the shard; and ShareSums 8 n (K - 1) / K
/// Loss           6 N P of the head                                  once a step: zeroing 4 n, norm 4 n, optimizer 28 n
/// ```
/// Weights that are frozen have no gradient, which is half of backward's products.
/// Causal attention's masked half is not counted, nor what lies before a window.
/// What takes less than about a percent is not either: norms, rotary, SwiGLU and the embedding go
/// with the operations of their block, whose measured rate has them in it.
public record StepWork(Map<StepPhase, Double> amounts) {
    public StepWork {
        amounts = Map.copyOf(amounts);
    }

    /// @param rounds micro-batches of a rank in a step
    /// @param dtype of values and gathered weights
    public static StepWork of(ModelPlan model, StepProgram program, int rank, int rounds, long B, long T, DType dtype,
            ActivationCheckpointing checkpointing) {
        ShardPlan plan = model.trainedPlan();
        var amounts = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { amounts.put(phase, 0.0); }
        for (Instruction instruction : program.round()) {
            int layer = instruction.unit();
            switch (instruction) {
                case Unshard _ -> amounts.merge(StepPhase.GATHER, (double) rounds * gatherBytes(model, layer, rank, dtype), Double::sum);
                case ReduceScatter _ -> amounts.merge(StepPhase.SCATTER, rounds * scatterBytes(plan, trained(model, layer), rank), Double::sum);
                case Loss _ -> amounts.merge(StepPhase.LOSS, (double) rounds * B * T * (4 * matrices(model, layer) + 2 * trainedMatrices(model, layer)),
                        Double::sum);
                case Forward _ -> amounts.merge(StepPhase.FORWARD, rounds * forward(model, layer, B, T), Double::sum);
                case Backward _ -> amounts.merge(StepPhase.BACKWARD, rounds * backward(model, layer, B, T, checkpointing), Double::sum);
                default -> { }      // waiting and bookkeeping
            }
        }
        double shard = plan.shardNumel(rank);
        for (Instruction instruction : program.ending()) {
            if (!(instruction instanceof ShareSums)) { continue; }
            amounts.merge(StepPhase.SCATTER, sharedBytes(plan, trained(model, instruction.unit()), rank), Double::sum);
        }
        amounts.merge(StepPhase.SCATTER, 4 * shard, Double::sum);
        amounts.put(StepPhase.NORM, 4 * shard);
        amounts.put(StepPhase.OPTIMIZER, 28 * shard);
        return new StepWork(amounts);
    }

    public double amount(StepPhase phase) {
        return amounts.get(phase);
    }

    private static UnitPlan trained(ModelPlan model, int layer) {
        return model.trained().unit(layer).orElseThrow();
    }

    private static long gatherBytes(ModelPlan model, int layer, int rank, DType dtype) {
        long bytes = 0;
        for (Part part : model.parts()) {
            bytes += part.unit(layer).map(u -> u.shardNumel(rank) * (part.shardDtype(dtype).bytes() + dtype.bytes())).orElse(0L);
        }
        return bytes;
    }

    private static double scatterBytes(ShardPlan plan, UnitPlan unit, int rank) {
        return 4.0 * unit.shardNumel(rank) * (plan.worldSize() + 2) / plan.sharding().replicas();
    }

    private static double sharedBytes(ShardPlan plan, UnitPlan unit, int rank) {
        int replicas = plan.sharding().replicas();
        return 8.0 * unit.shardNumel(rank) * (replicas - 1) / replicas;
    }

    private static double forward(ModelPlan model, int layer, long B, long T) {
        return isBlock(model, layer) ? 2.0 * B * T * matrices(model, layer) + 2.0 * attentionProducts(model, B, T) : 0;
    }

    private static double backward(ModelPlan model, int layer, long B, long T, ActivationCheckpointing checkpointing) {
        if (!isBlock(model, layer)) { return 0; }
        double gradients = 2.0 * B * T * (matrices(model, layer) + trainedMatrices(model, layer)) + 5.0 * attentionProducts(model, B, T);
        // The last product of a block, as large as one of the other two of the MLP, is not made again.
        ModelConfig c = model.config();
        double again = forward(model, layer, B, T) - 2.0 * B * T * c.intermediateSize() * c.hiddenSize();
        return checkpointing == ActivationCheckpointing.FULL ? gradients + again : gradients;
    }

    /// Operations of one product of all heads, T x d by d x T or the like, without the masked half.
    private static double attentionProducts(ModelPlan model, long B, long T) {
        ModelConfig c = model.config();
        return 2.0 * B * c.attentionPairs(T) * c.queryDim();
    }

    private static boolean isBlock(ModelPlan model, int layer) {
        return layer >= 1 && layer <= model.lastBlock();
    }

    /// Weights of the layer's matrices, adapters' included; of a tied head the embedding's.
    private static long matrices(ModelPlan model, int layer) {
        return model.units(layer).stream().mapToLong(StepWork::matrices).sum();
    }

    private static long trainedMatrices(ModelPlan model, int layer) {
        return model.trained().unit(layer).map(StepWork::matrices).orElse(0L);
    }

    private static long matrices(UnitPlan unit) {
        return unit.spec().parameters().stream().filter(p -> p.shape().size() == 2).mapToLong(ParameterSpec::numel).sum();
    }
}
