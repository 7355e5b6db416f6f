package dev.kintsugi.sharding.program;

import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.program.Instruction.AwaitUnshard;
import dev.kintsugi.sharding.program.Instruction.Forward;
import dev.kintsugi.sharding.program.Instruction.Loss;
import dev.kintsugi.sharding.program.Instruction.Reshard;
import dev.kintsugi.sharding.program.Instruction.Unshard;
import java.util.ArrayList;
import java.util.List;

/// What a rank does to evaluate one micro-batch: forward alone, in [BufferPlan]'s gather slots, and no gradient slot. A unit's gather begins before the
/// one before it computes, and each is dropped as soon as it was used, with every strategy: nothing is kept for a backward pass.
public final class EvaluationProgram {
    private EvaluationProgram() {}

    /// Of these instructions `Loss` is without its backward pass.
    public static List<Instruction> of(ModelPlan plan) {
        int last = plan.lastBlock();
        int head = plan.headLayer();
        boolean tied = head == 0;
        var program = new ArrayList<Instruction>();
        program.add(new Unshard(0));
        for (int unit = 0; unit <= last; unit++) {
            if (unit < last) { program.add(new Unshard(unit + 1)); }
            else if (!tied) { program.add(new Unshard(head)); }
            program.add(new AwaitUnshard(unit));
            program.add(new Forward(unit));
            if (unit != head) { program.add(new Reshard(unit)); }
        }
        if (!tied) { program.add(new AwaitUnshard(head)); }
        program.add(new Loss(head));
        program.add(new Reshard(head));
        return List.copyOf(program);
    }
}
