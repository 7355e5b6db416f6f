package dev.kintsugi.worker.fsdp;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
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
import dev.kintsugi.sharding.program.StepProgram;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.divergence.Watch;
import dev.kintsugi.worker.divergence.WatchedKernels;
import dev.kintsugi.worker.fsdp.PhaseClock.Phase;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.Decoder;
import dev.kintsugi.worker.model.Pass;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/// Runs the step program for one micro-batch on one rank: the only place where collectives and computation meet.
///
/// The arena's layout is `sharding.estimate`'s: at the bottom the gradient of the residual stream, ids and labels; then the
/// embedding's output and each block's recordings (with checkpointing only its output), released by backward in reverse. Where a step is one
/// micro-batch, sums of gradients take the place of what was released.
public final class RoundInterpreter {
    private static final Set<Phase> COMPUTATION = EnumSet.of(Phase.FORWARD, Phase.LOSS, Phase.BACKWARD);

    private final ModelPlan plan;
    private final StepProgram program;
    private final CollectiveGroup group;
    private final UnshardedUnits units;
    private final GradientShards gradients;
    private final Decoder model;
    private final Kernels device;
    private final StepArena arena;
    private final DType dtype;
    private final ActivationCheckpointing checkpointing;
    private final long batch;
    private final long longest;
    private final Tensor streamGradient;
    private final Tensor ids;
    private final Tensor labels;
    private final Recording[] recordings;
    private final PhaseClock clock;
    private Tensor positions;           // null: each sequence is one sample
    private Kernels kernels;
    private Watch watch;
    private long length;
    private double scale;
    private boolean afresh;
    private OptionalLong dropoutKey = OptionalLong.empty();
    private double loss;

    /// What forward keeps of one unit for its backward.
    private record Recording(long mark, Tape tape, Variable input, Variable output) {}

    /// @param batch samples of a micro-batch (B)
    /// @param length tokens of a sample (T), at most
    /// @param dtype of values and of gathered weights
    /// @param checkpointing what blocks keep for backward; changes no bit
    public RoundInterpreter(ModelPlan plan, CollectiveGroup group, UnshardedUnits units, GradientShards gradients,
            Decoder model, Kernels kernels, StepArena arena, long batch, long length, DType dtype,
            ActivationCheckpointing checkpointing, PhaseClock clock) {
        this.plan = plan;
        this.program = StepProgram.of(plan);
        this.group = group;
        this.units = units;
        this.gradients = gradients;
        this.model = model;
        this.device = kernels;
        this.kernels = kernels;
        this.arena = arena;
        this.dtype = dtype;
        this.clock = clock;
        this.checkpointing = checkpointing;
        this.batch = batch;
        this.longest = length;
        this.streamGradient = arena.allocate(dtype, batch * length, plan.config().hiddenSize());
        this.ids = arena.allocate(DType.I32, batch * length);
        this.labels = arena.allocate(DType.I32, batch * length);
        this.recordings = new Recording[plan.layers()];
    }

    /// (B * the greatest T) I32, filled by the caller before [#run].
    public Tensor ids() {
        return ids;
    }

    /// (B * the greatest T) I32, already shifted; negative is not counted.
    public Tensor labels() {
        return labels;
    }

    /// From now on sequences are several samples, and none of these sees another.
    ///
    /// @param inSample (B * the greatest T) I32, filled by the caller before [#run]: each token's position in its own sample
    public void separateSamples(Tensor inSample) {
        positions = inSample;
    }

    /// Null unless [#separateSamples] was called.
    public Tensor positions() {
        return positions;
    }

    /// Adds micro-batches of the greatest length.
    public double run(double lossScale, boolean first) {
        return run(longest, lossScale, first);
    }

    /// From the next round on elements are dropped out where the model says so.
    ///
    /// @param key of this rank's next micro-batch, and of no other
    public void dropOut(long key) {
        dropoutKey = OptionalLong.of(key);
    }

    /// Adds the micro-batches of all ranks to the gradient accumulators. Each rank's may have another length.
    ///
    /// @param T tokens of a sample of this micro-batch, which the first (B * T) ids and labels hold
    /// @param lossScale 1 / the tokens of the whole step that the loss counts
    /// @param first whether the accumulators begin afresh: the step's first round
    /// @return the sum of this rank's micro-batch's token losses
    public double run(long T, double lossScale, boolean first) {
        if (T < 1 || T > longest) { throw new IllegalArgumentException("T=%d; must be in [1, %d]".formatted(T, longest)); }
        length = T;
        scale = lossScale;
        afresh = first;
        loss = 0;
        if (first) { gradients.forget(); }
        long mark = arena.mark();
        execute(program.round());
        arena.release(mark);            // a frozen embedding has no backward pass to do it
        return loss;
    }

    /// Has every result looked at from the next round on.
    ///
    /// @param watch null to look no more
    public void watch(Watch watch) {
        this.watch = watch;
        kernels = watch == null ? device : new WatchedKernels(device, watch);
    }

    /// Completes the gradient accumulators of a step, after its last micro-batch.
    public void end() {
        execute(program.ending());
    }

    private void execute(List<Instruction> instructions) {
        for (Instruction instruction : instructions) {
            int layer = instruction.unit();
            long waitedNs = group.waitedNs();
            Phase phase = phase(instruction);
            clock.enter(phase);
            if (watch != null && COMPUTATION.contains(phase)) {
                watch.enter("%s of %s".formatted(phase.key(), plan.layerName(layer)), units.parameters(layer));
            }
            execute(instruction, layer);
            long waitNs = group.waitedNs() - waitedNs;
            if (waitNs > 0) { clock.move(phase == Phase.GATHER ? Phase.GATHER_WAIT : Phase.SCATTER_WAIT, waitNs); }
        }
    }

    private void execute(Instruction instruction, int layer) {
        switch (instruction) {
            case Unshard _ -> units.unshard(layer);
            case AwaitUnshard _ -> units.await(layer);
            case Forward _ -> forward(layer);
            case Reshard _ -> units.reshard(layer);
            case ClaimGradient _ -> claimGradient(trained(layer));
            case Loss _ -> loss(layer);
            case Backward _ -> backward(layer);
            case ReduceScatter _ -> reduceScatter(trained(layer));
            case AwaitReduceScatter _ -> group.awaitReduceScatter(units.gradientSlot(trained(layer)));
            case ShareSums _ -> group.shareSums(trained(layer), units.gradientSlot(trained(layer)), gradients.of(trained(layer)));
        }
    }

    private UnitPlan trained(int layer) {
        return plan.trained().unit(layer).orElseThrow();
    }

    private static Phase phase(Instruction instruction) {
        return switch (instruction) {
            case Unshard _, AwaitUnshard _, Reshard _ -> Phase.GATHER;
            case Forward _ -> Phase.FORWARD;
            case Loss _ -> Phase.LOSS;
            case Backward _ -> Phase.BACKWARD;
            case ClaimGradient _, ReduceScatter _, AwaitReduceScatter _, ShareSums _ -> Phase.SCATTER;
        };
    }

    private void forward(int layer) {
        long mark = arena.mark();
        UnitParameters parameters = units.parameters(layer);
        if (layer == 0) {
            var tape = new Tape(kernels, arena, true);
            recordings[0] = new Recording(mark, tape, null, model.forwardEmbedding(tape, parameters, mine(ids)));
            return;
        }
        Variable input = Variable.of(recordings[layer - 1].output().data());
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        var tape = new Tape(kernels, arena, !full, dropoutKey);
        Pass pass = checkpointing == ActivationCheckpointing.NONE ? Pass.KEEP_NORMS : Pass.KEEP_PRODUCTS;
        Variable output = model.forwardBlock(tape, parameters, input, batch, length, positionsInSamples(), pass);
        recordings[layer] = new Recording(mark, full ? null : tape, input, output);
    }

    private void loss(int layer) {
        long mark = arena.mark();
        Variable input = Variable.of(lastOutput().data());
        input.setGrad(mine(streamGradient));
        loss = model.loss(new Tape(kernels, arena, true), units.parameters(layer), input, mine(labels), scale, true);
        arena.release(mark);
    }

    private Variable lastOutput() {
        return recordings[plan.lastBlock()].output();
    }

    private void backward(int layer) {
        Recording recording = recordings[layer];
        Tape tape = recording.tape();
        Variable output = recording.output();
        if (tape == null) {
            tape = new Tape(kernels, arena, true, dropoutKey);
            output = model.forwardBlock(tape, units.parameters(layer), recording.input(), batch, length, positionsInSamples(), Pass.RECOMPUTE);
        }
        output.setGrad(mine(streamGradient));
        tape.backward(output);
        if (recording.input() != null) { keepStreamGradient(recording.input().grad()); }
        arena.release(recording.mark());
        recordings[layer] = null;
    }

    private Tensor positionsInSamples() {
        return positions == null ? null : mine(positions).reshape(batch, length);
    }

    /// What this micro-batch uses of a tensor that has room for the longest.
    private Tensor mine(Tensor all) {
        return length == longest ? all : all.rows(0, batch * length);
    }

    private void claimGradient(UnitPlan unit) {
        group.claim(units.gradientSlot(unit));
        units.beginGradient(unit);
    }

    private void reduceScatter(UnitPlan unit) {
        units.completeGradient(unit);
        group.beginReduceScatter(unit, units.gradientSlot(unit), gradients.begin(unit), afresh);
    }

    /// The residual stream passes its gradient on in place, so this copies nothing unless a model's blocks do not.
    private void keepStreamGradient(Tensor inputGradient) {
        if (inputGradient.data().address() != streamGradient.data().address()) { kernels.copy(mine(streamGradient), inputGradient); }
    }
}
