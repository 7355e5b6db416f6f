package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.architecture.UnitSpec;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.program.Instruction.Backward;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.ReduceScatter;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.List;

/// What a rank does for one micro-batch, as a value: the worker runs it, the estimator adds it up, tests assert on it.
///
/// A step is `microbatches / worldSize` rounds of it, then the gradient norm, then the update of the rank's own shards.
/// The next unit is unsharded before the present one computes (prefetch), so with FULL_SHARD and HYBRID_SHARD at most two blocks are
/// unsharded at once; with SHARD_GRAD_OP and NO_SHARD every block stays unsharded from its forward to its backward. The last block always
/// stays unsharded across the loss: its backward comes next.
public record StepProgram(List<Instruction> round) {
    public StepProgram {
        round = List.copyOf(round);
    }

    /// The plan's strategy decides whether blocks are dropped after forward and unsharded again for backward.
    public static StepProgram of(ShardPlan plan) {
        boolean again = plan.sharding().reshardsAfterForward();
        boolean tied = plan.units().getLast().spec().kind() != UnitSpec.Kind.HEAD;
        int first = 1;
        int last = plan.units().size() - (tied ? 1 : 2);     // blocks are units first .. last
        int head = tied ? 0 : last + 1;
        var round = new ArrayList<Instruction>();
        round.add(new Unshard(0));
        for (int unit = 0; unit <= last; unit++) {
            if (unit < last) { round.add(new Unshard(unit + 1)); }
            else if (!tied) { round.add(new Unshard(head)); }
            round.add(new Forward(unit));
            boolean kept = unit == 0 ? tied : unit == last || !again;       // looking tokens up has no use for the embedding in backward
            if (!kept) { round.add(new Reshard(unit)); }
        }
        round.add(new Loss(head));
        round.add(new Reshard(head));
        if (!tied) { round.add(new ReduceScatter(head)); }
        for (int unit = last; unit >= first; unit--) {
            if (again && unit > first) { round.add(new Unshard(unit - 1)); }
            round.add(new Backward(unit));
            round.add(new Reshard(unit));
            round.add(new ReduceScatter(unit));
        }
        round.add(new Backward(0));
        round.add(new ReduceScatter(0));
        return new StepProgram(round);
    }
}
