package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.program.Instruction.AwaitReduceScatter;
import dev.kintsugi.sharding.program.Instruction.AwaitUnshard;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.ClaimGradient;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.ShareSums;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.List;

/// What a rank does for one micro-batch, as a value: the worker runs it, the estimator adds it up, tests assert on it.
///
/// A step is `microbatches / worldSize` rounds of it, then its ending, then the gradient norm, then the update of the rank's own shards.
/// The next unit's gather begins before the present one computes, and is awaited after; a unit's reduce-scatter begins after its
/// backward and is awaited after the next unit's. So a rank may fall behind the others by about a unit without any of them waiting.
/// With FULL_SHARD and HYBRID_SHARD at most two blocks are unsharded at once; with SHARD_GRAD_OP and NO_SHARD every block is from its forward to
/// its backward. The last block always stays unsharded across the loss: its backward comes next. At most two gradients are held.
///
/// @param round what is done for each micro-batch
/// @param ending what completes the gradients after the last round: nothing, unless several ranks hold each shard
public record StepProgram(List<Instruction> round, List<Instruction> ending) {
    public StepProgram {
        round = List.copyOf(round);
        ending = List.copyOf(ending);
    }

    /// The plan's strategy decides whether blocks are dropped after forward and unsharded again for backward.
    public static StepProgram of(ModelPlan plan) {
        boolean again = plan.sharding().reshardsAfterForward();
        int first = 1;
        int last = plan.lastBlock();
        int head = plan.headLayer();
        boolean tied = head == 0;
        var round = new ArrayList<Instruction>();
        forward(round, last, head, again);
        round.add(new ClaimGradient(head));
        round.add(new Loss(head));
        round.add(new Reshard(head));
        int scattering = -1;                                // begun, not awaited
        if (!tied) {
            round.add(new ReduceScatter(head));
            scattering = head;
        }
        for (int unit = last; unit >= first; unit--) {
            if (again && unit > first) { round.add(new Unshard(unit - 1)); }
            if (again && unit < last) { round.add(new AwaitUnshard(unit)); }
            backward(round, unit, scattering);
            scattering = unit;
        }
        // The embedding's backward is short and its slot may hold the first block's gradient: nothing to overlap.
        round.add(new AwaitReduceScatter(scattering));
        if (!tied) { round.add(new ClaimGradient(0)); }
        round.add(new Backward(0));
        round.add(new ReduceScatter(0));
        round.add(new AwaitReduceScatter(0));
        round.removeIf(i -> isOfGradient(i) && !plan.isTrained(i.unit()));
        return new StepProgram(round, ending(plan));
    }

    private static void forward(List<Instruction> round, int last, int head, boolean again) {
        boolean tied = head == 0;
        round.add(new Unshard(0));
        for (int unit = 0; unit <= last; unit++) {
            if (unit < last) { round.add(new Unshard(unit + 1)); }
            else if (!tied) { round.add(new Unshard(head)); }
            round.add(new AwaitUnshard(unit));
            round.add(new Forward(unit));
            boolean kept = unit == 0 ? tied : unit == last || !again;       // looking tokens up has no use for the embedding in backward
            if (!kept) { round.add(new Reshard(unit)); }
        }
        if (!tied) { round.add(new AwaitUnshard(head)); }
    }

    /// What a layer of which nothing is trained has no need of. Gradients still go through frozen blocks; the embedding has nothing below it.
    private static boolean isOfGradient(Instruction i) {
        return switch (i) {
            case ClaimGradient _, ReduceScatter _, AwaitReduceScatter _ -> true;
            case Backward(int unit) -> unit == 0;
            case Unshard _, AwaitUnshard _, Forward _, Reshard _, Loss _, ShareSums _ -> false;
        };
    }

    private static List<Instruction> ending(ModelPlan plan) {
        if (plan.sharding().replicas() == 1) { return List.of(); }
        return plan.trainedPlan().units().stream().<Instruction>map(u -> new ShareSums(plan.trained().layer(u))).toList();
    }

    /// @param scattering the unit whose reduce-scatter has begun, or -1
    private static void backward(List<Instruction> round, int unit, int scattering) {
        round.add(new ClaimGradient(unit));
        round.add(new Backward(unit));
        round.add(new Reshard(unit));
        round.add(new ReduceScatter(unit));
        if (scattering >= 0) { round.add(new AwaitReduceScatter(scattering)); }
    }
}
