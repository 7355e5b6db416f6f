package dev.kintsugi.sharding.estimate;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.architecture.UnitSpec;
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
/// Unshard        n (4 + bytes of the gathered dtype)               Forward    2 N P + attention 2 B T^2 (H d)
/// ReduceScatter  4 n (ranks + 2): all read, the accumulator r/w     Backward   4 N P + attention 5 B T^2 (H d), and the forward again when recomputed
///                of n / K, when K ranks hold the shard; and ShareSums 8 n (K - 1) / K
/// Loss           6 N P of the head                                  once a step: zeroing 4 n, norm 4 n, optimizer 28 n
/// ```
/// Causal attention's masked half is not counted, nor what lies before a window.
/// What takes less than about a percent is not either: norms, rotary, SwiGLU and the embedding go
/// with the operations of their block, whose measured rate has them in it.
public record StepWork(Map<StepPhase, Double> amounts) {
    public StepWork {
        amounts = Map.copyOf(amounts);
    }

    /// @param rounds micro-batches of a rank in a step
    /// @param dtype of values and gathered weights
    public static StepWork of(ShardPlan plan, StepProgram program, int rank, int rounds, long B, long T, DType dtype,
            ActivationCheckpointing checkpointing) {
        var amounts = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { amounts.put(phase, 0.0); }
        for (Instruction instruction : program.round()) {
            UnitPlan unit = plan.units().get(instruction.unit());
            switch (instruction) {
                case Unshard _ -> amounts.merge(StepPhase.GATHER, (double) rounds * gatherBytes(unit, rank, dtype), Double::sum);
                case ReduceScatter _ -> amounts.merge(StepPhase.SCATTER, rounds * scatterBytes(plan, unit, rank), Double::sum);
                case Loss _ -> amounts.merge(StepPhase.LOSS, rounds * 6.0 * B * T * headMatrix(unit), Double::sum);
                case Forward _ -> amounts.merge(StepPhase.FORWARD, rounds * forward(plan, unit, B, T), Double::sum);
                case Backward _ -> amounts.merge(StepPhase.BACKWARD, rounds * backward(plan, unit, B, T, checkpointing), Double::sum);
                default -> { }      // waiting and bookkeeping
            }
        }
        double shard = plan.shardNumel(rank);
        for (Instruction instruction : program.ending()) {
            if (!(instruction instanceof ShareSums)) { continue; }
            amounts.merge(StepPhase.SCATTER, sharedBytes(plan, plan.units().get(instruction.unit()), rank), Double::sum);
        }
        amounts.merge(StepPhase.SCATTER, 4 * shard, Double::sum);
        amounts.put(StepPhase.NORM, 4 * shard);
        amounts.put(StepPhase.OPTIMIZER, 28 * shard);
        return new StepWork(amounts);
    }

    public double amount(StepPhase phase) {
        return amounts.get(phase);
    }

    private static long gatherBytes(UnitPlan unit, int rank, DType dtype) {
        return unit.shardNumel(rank) * (DType.F32.bytes() + dtype.bytes());
    }

    private static double scatterBytes(ShardPlan plan, UnitPlan unit, int rank) {
        return 4.0 * unit.shardNumel(rank) * (plan.worldSize() + 2) / plan.sharding().replicas();
    }

    private static double sharedBytes(ShardPlan plan, UnitPlan unit, int rank) {
        int replicas = plan.sharding().replicas();
        return 8.0 * unit.shardNumel(rank) * (replicas - 1) / replicas;
    }

    private static double forward(ShardPlan plan, UnitPlan unit, long B, long T) {
        return isBlock(unit) ? 2.0 * B * T * matrices(unit) + 2.0 * attentionProducts(plan, B, T) : 0;
    }

    private static double backward(ShardPlan plan, UnitPlan unit, long B, long T, ActivationCheckpointing checkpointing) {
        if (!isBlock(unit)) { return 0; }
        double gradients = 4.0 * B * T * matrices(unit) + 5.0 * attentionProducts(plan, B, T);
        // The last product of a block, as large as one of the other two of the MLP, is not made again.
        ModelConfig c = plan.model().config();
        double again = forward(plan, unit, B, T) - 2.0 * B * T * c.intermediateSize() * c.hiddenSize();
        return checkpointing == ActivationCheckpointing.FULL ? gradients + again : gradients;
    }

    /// Operations of one product of all heads, T x d by d x T or the like, without the masked half.
    private static double attentionProducts(ShardPlan plan, long B, long T) {
        ModelConfig c = plan.model().config();
        return 2.0 * B * c.attentionPairs(T) * c.queryDim();
    }

    private static boolean isBlock(UnitPlan unit) {
        return unit.spec().kind() == UnitSpec.Kind.BLOCK;
    }

    private static long matrices(UnitPlan unit) {
        return unit.spec().parameters().stream().filter(p -> p.shape().size() == 2).mapToLong(ParameterSpec::numel).sum();
    }

    /// Of a tied model the embedding's.
    private static long headMatrix(UnitPlan unit) {
        return matrices(unit);
    }
}
