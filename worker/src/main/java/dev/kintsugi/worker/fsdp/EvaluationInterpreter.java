package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.program.EvaluationProgram;
import dev.kintsugi.sharding.program.Instruction;
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
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.Decoder;
import dev.kintsugi.worker.model.Pass;
import java.util.List;

/// Runs the evaluation program for one micro-batch on one rank, between two steps: it takes the step's arena from where the step leaves it, above what
/// [RoundInterpreter] has fixed, and reads weights only. All ranks run it as often.
public final class EvaluationInterpreter {
    private final List<Instruction> program;
    private final UnshardedUnits units;
    private final GradientShards gradients;
    private final Decoder model;
    private final Kernels kernels;
    private final StepArena arena;
    private final long batch;
    private final long longest;
    private long rows;
    private long sequences;
    private final Tensor positions;
    private Tensor labels;
    private Tensor ids;
    private Variable stream;
    private double loss;

    /// Puts tokens and labels where they are read.
    public interface Input {
        /// @param ids (B * the greatest T) I32
        /// @param labels likewise, already shifted; negative is not counted
        /// @param positions likewise, of each token in its own sample; null where each sequence is one
        /// @return T of these samples, which lie one after another
        long fill(Tensor ids, Tensor labels, Tensor positions);
    }

    /// @param batch samples of a micro-batch, at most
    /// @param length tokens of a sample, at most
    /// @param positions (batch * length) I32, for sequences of several samples, none of which sees another; null where each is one
    public EvaluationInterpreter(ModelPlan plan, UnshardedUnits units, GradientShards gradients, Decoder model, Kernels kernels, StepArena arena,
            long batch, long length, Tensor positions) {
        this.program = EvaluationProgram.of(plan);
        this.units = units;
        this.gradients = gradients;
        this.model = model;
        this.kernels = kernels;
        this.arena = arena;
        this.batch = batch;
        this.longest = length;
        this.positions = positions;
    }

    /// @param samples of this rank's micro-batch; 0 where it has none left, and only takes part
    /// @return the sum of its token losses
    public double run(long samples, Input input) {
        if (samples < 0 || samples > batch) { throw new IllegalArgumentException("samples=%d; must be in [0, %d]".formatted(samples, batch)); }
        gradients.forget();
        long mark = arena.mark();
        ids = arena.allocate(DType.I32, samples * longest);
        labels = arena.allocate(DType.I32, samples * longest);
        sequences = samples;
        rows = samples == 0 ? 0 : samples * input.fill(ids, labels, positions == null ? null : positions.rows(0, samples * longest));
        loss = 0;
        for (Instruction instruction : program) { execute(instruction, instruction.unit()); }
        arena.release(mark);
        return loss;
    }

    private void execute(Instruction instruction, int layer) {
        switch (instruction) {
            case Unshard _ -> units.unshard(layer);
            case AwaitUnshard _ -> units.await(layer);
            case Reshard _ -> units.reshard(layer);
            case Forward _, Loss _ when rows == 0 -> { }
            case Forward _ -> forward(layer);
            case Loss _ -> loss = model.loss(tape(), units.parameters(layer), stream, labels.rows(0, rows), 1, false);
            case ClaimGradient _, Backward _, ReduceScatter _, AwaitReduceScatter _, ShareSums _ ->
                throw new AssertionError("an evaluation has no gradients: " + instruction);
        }
    }

    /// Each block's output is moved down to where its input was, so that depth costs no memory.
    private void forward(int layer) {
        if (layer == 0) {
            stream = model.forwardEmbedding(tape(), units.parameters(layer), ids.rows(0, rows));
            return;
        }
        long mark = arena.mark();
        Variable output = model.forwardBlock(tape(), units.parameters(layer), stream, sequences, rows / sequences, positionsInSamples(),
                Pass.KEEP_PRODUCTS);
        kernels.copy(stream.data(), output.data());
        arena.release(mark);
    }

    private Tensor positionsInSamples() {
        return positions == null ? null : positions.rows(0, rows).reshape(sequences, rows / sequences);
    }

    private Tape tape() {
        return new Tape(kernels, arena, false);
    }
}
