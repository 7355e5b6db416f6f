package dev.kintsugi.worker.estimate;

import dev.kintsugi.sharding.estimate.StepMemory;
import dev.kintsugi.sharding.estimate.StepPhase;
import dev.kintsugi.sharding.estimate.StepSeconds;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.collective.CollectiveGroups;
import dev.kintsugi.worker.collective.GroupConfig;
import dev.kintsugi.worker.fsdp.GradientShards;
import dev.kintsugi.worker.fsdp.PhaseClock;
import dev.kintsugi.worker.fsdp.PhaseClock.Phase;
import dev.kintsugi.worker.fsdp.RankTensors;
import dev.kintsugi.worker.fsdp.RoundInterpreter;
import dev.kintsugi.worker.fsdp.UnshardedUnits;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import dev.kintsugi.worker.model.Decoder;
import dev.kintsugi.worker.optim.GradientNorm;
import dev.kintsugi.worker.optim.Optimizer;
import dev.kintsugi.worker.optim.Optimizers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Random;

/// One rank of a calibration: trains random weights on random tokens, and says how long each step's phases took. Used by the thread that made it.
final class ProbeRank implements AutoCloseable {
    private static final int STEPS_LEAST = 3;
    private static final OptimizerSettings OPTIMIZER = new OptimizerSettings.AdamW(0.9, 0.95, 1e-8, 0.1);

    private final Arena probeArena = Arena.ofShared();
    private final PhaseClock clock = new PhaseClock();
    private final Optimizer optimizer;
    private final ShardPlan plan;
    private final CollectiveGroup group;
    private final RankTensors tensors;
    private final GradientShards gradients;
    private final StepArena stepArena;
    private final RoundInterpreter interpreter;
    private final GradientNorm norm;
    private final double scale;
    private long step;

    ProbeRank(Workload w, GroupConfig groupConfig, Kernels kernels) {
        ModelPlan model = w.plan();
        plan = model.trainedPlan();
        group = CollectiveGroups.open(groupConfig);
        tensors = new RankTensors(plan, group.rank(), OPTIMIZER.state());
        StepMemory memory = StepMemory.of(model, group.rank(), w.batch(), w.length(), w.dtype(), w.checkpointing(), 1, 1);
        stepArena = StepArena.ofBytes(memory.bytes());
        gradients = new GradientShards(plan, group.rank(), stepArena, memory);
        var units = new UnshardedUnits(model, group, w.dtype(), List.of(tensors.state().weights()));
        var decoder = new Decoder(w.config(), w.length(), w.dtype(), probeArena);
        interpreter = new RoundInterpreter(model, group, units, gradients, decoder, kernels, stepArena, w.batch(),
                w.length(), w.dtype(), w.checkpointing(), clock);
        optimizer = Optimizers.open(OPTIMIZER, kernels, plan, group.rank(), group::exchange);
        norm = new GradientNorm(kernels, plan, group.rank());
        scale = 1.0 / w.tokensPerStep();
        initialise(w.config().vocabSize());
    }

    /// Ordinary numbers: denormals would be slow.
    private void initialise(int vocabSize) {
        var random = new Random(1 + group.rank());
        for (MemorySegment weights : tensors.state().parameters()) {
            for (long i = 0; i < weights.byteSize() / Float.BYTES; i++) {
                weights.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.04f * (random.nextFloat() - 0.5f));
            }
        }
        for (Tensor tokens : List.of(interpreter.ids(), interpreter.labels())) {
            for (long i = 0; i < tokens.numel(); i++) { tokens.data().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(vocabSize)); }
        }
    }

    List<StepSeconds> steps(double warmUpSeconds, double seconds) {
        oneFor(warmUpSeconds);
        return oneFor(seconds);
    }

    /// All ranks make the same number of steps: as many as rank 0 has time for.
    private List<StepSeconds> oneFor(double seconds) {
        var steps = new ArrayList<StepSeconds>();
        long endNs = System.nanoTime() + (long) (seconds * 1e9);
        while (goesOn(steps.size() < STEPS_LEAST || System.nanoTime() < endNs)) { steps.add(one()); }
        return steps;
    }

    private boolean goesOn(boolean mine) {
        return group.exchange("another step", new byte[] {(byte) (mine ? 1 : 0)}).getFirst()[0] == 1;
    }

    private StepSeconds one() {
        group.enterStep(++step);
        clock.begin();
        interpreter.run(scale, true);
        interpreter.end();
        clock.enter(Phase.NORM);
        double gradNorm = Math.sqrt(norm.squared(plan, group.rank(), gradients.segments()).toDouble());
        clock.enter(Phase.OPTIMIZER);
        optimizer.update(tensors.state(), gradients.segments(), new Optimizer.Update(step, 1e-4, GradientNorm.clipCoefficient(gradNorm, 1), gradNorm), _ -> {});
        clock.end();
        var byPhase = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase p : StepPhase.values()) { byPhase.put(p, clock.seconds(Phase.valueOf(p.name()))); }
        return new StepSeconds(byPhase, clock.seconds(Phase.GATHER_WAIT) + clock.seconds(Phase.SCATTER_WAIT));
    }

    @Override
    public void close() {
        group.close();
        stepArena.close();
        tensors.close();
        probeArena.close();
    }
}
