package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.plan.ModelPlan;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.ShardPlanner;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.kernel.MetaKernels;
import dev.kintsugi.worker.memory.Bf16;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/// A whole model on one rank with all units gathered at once: runs micro-batches in the order that the step program has.
final class MicroBatch {
    final ModelConfig config;
    final ModelPlan model;
    final ShardPlan plan;                                        // of what is trained
    final Kernels kernels;
    final DType dtype;
    final Decoder decoder;
    final List<MemorySegment> weights = new ArrayList<>();       // a unit each
    final List<MemorySegment> gradients = new ArrayList<>();
    final List<UnitParameters> units = new ArrayList<>();
    Tensor positions;               // (B, T) of tokens in their samples; null where each row is one

    MicroBatch(ModelConfig config, Kernels kernels, DType dtype, long positions, Arena arena) {
        this(ModelPlan.of(ShardPlanner.plan(ModelSpec.of(config), 1)), kernels, dtype, positions, arena);
    }

    /// @param model on one rank
    MicroBatch(ModelPlan model, Kernels kernels, DType dtype, long positions, Arena arena) {
        this.config = model.config();
        this.plan = model.trainedPlan();
        this.model = model;
        this.kernels = kernels;
        this.dtype = dtype;
        this.decoder = new Decoder(config, positions, dtype, arena);
        for (int layer = 0; layer < model.layers(); layer++) { units.add(UnitParameters.of(model.layerName(layer), model.lora())); }
        for (UnitPlan unit : plan.units()) {
            weights.add(allocate(arena, unit.unshardedNumel() * dtype.bytes()));
            gradients.add(allocate(arena, unit.unshardedNumel() * Kernels.statistics(dtype).bytes()));
            units.get(model.trained().layer(unit)).add(unit, weights.getLast(), gradients.getLast(), dtype, Kernels.statistics(dtype));
        }
        model.frozen().ifPresent(part -> part.plan().units().forEach(unit -> units.get(part.layer(unit)).add(unit,
                allocate(arena, unit.unshardedNumel() * dtype.bytes()), null, dtype, dtype)));
    }

    /// On the meta device there are sizes only.
    private MemorySegment allocate(Arena arena, long bytes) {
        return isMeta() ? MemorySegment.NULL.reinterpret(bytes) : arena.allocate(bytes, 64);
    }

    private boolean isMeta() {
        return kernels instanceof MetaKernels;
    }

    /// Of what is trained.
    void forEachParameter(Consumer<Parameter> action) {
        forEachParameter(model.trained(), action);
    }

    void forEachParameter(ModelPlan.Part part, Consumer<Parameter> action) {
        for (UnitPlan unit : part.plan().units()) {
            for (ParameterPlan p : unit.parameters()) { action.accept(units.get(part.layer(unit)).get(p.spec().name())); }
        }
    }

    /// Small normal numbers everywhere; gains around 1.
    void initialise(long seed) {
        var random = new Random(seed);
        forEachParameter(p -> {
            double mean = p.name().endsWith("norm.weight") ? 1 : 0;
            for (long i = 0; i < p.data().numel(); i++) { set(p.data(), i, mean + 0.2 * random.nextGaussian()); }
        });
    }

    void zeroGradients() {
        gradients.forEach(g -> g.fill((byte) 0));
    }

    /// Forward and backward of B sequences of T tokens (`ids` are null on the meta device): adds to all gradients. Returns the sum of the losses.
    double run(StepArena arena, int[] ids, long B, long T, double scale, ActivationCheckpointing checkpointing) {
        long bottom = arena.mark();
        Tensor idTensor = isMeta() ? arena.allocate(DType.I32, B * T) : ints(arena, ids);
        Tensor labelTensor = isMeta() ? arena.allocate(DType.I32, B * T) : ints(arena, labels(ids, (int) T));
        double loss = run(arena, idTensor, labelTensor, B, T, scale, checkpointing);
        arena.release(bottom);
        return loss;
    }

    double run(StepArena arena, Tensor idTensor, Tensor labelTensor, long B, long T, double scale, ActivationCheckpointing checkpointing) {
        boolean full = checkpointing == ActivationCheckpointing.FULL;
        Pass pass = checkpointing == ActivationCheckpointing.NONE ? Pass.KEEP_NORMS : Pass.KEEP_PRODUCTS;
        long bottom = arena.mark();
        Tensor dStream = arena.allocate(dtype, B * T, config.hiddenSize());
        int blocks = config.numHiddenLayers();
        var tapes = new ArrayDeque<Tape>();
        var marks = new ArrayDeque<Long>();
        var inputs = new ArrayDeque<Variable>();
        var outputs = new ArrayDeque<Variable>();

        var embeddingTape = new Tape(kernels, arena, true);
        Variable embedded = decoder.forwardEmbedding(embeddingTape, units.getFirst(), idTensor);
        Variable x = embedded;
        for (int block = 0; block < blocks; block++) {
            outputs.push(x);
            x = Variable.of(x.data());
            inputs.push(x);
            marks.push(arena.mark());
            tapes.push(new Tape(kernels, arena, !full));
            x = decoder.forwardBlock(tapes.peek(), units.get(1 + block), x, B, T, positions, pass);
        }
        x.setGrad(dStream);
        double loss = decoder.loss(new Tape(kernels, arena, false), head(), x, labelTensor, scale, true);
        for (int block = blocks - 1; block >= 0; block--) {
            Variable input = inputs.pop();
            Tape tape = tapes.pop();
            if (full) {
                tape = new Tape(kernels, arena, true);
                x = decoder.forwardBlock(tape, units.get(1 + block), input, B, T, positions, Pass.RECOMPUTE);
                x.setGrad(dStream);
            }
            tape.backward(x);
            if (input.grad().data().address() != dStream.data().address()) { kernels.copy(dStream, input.grad()); }
            arena.release(marks.pop());
            x = outputs.pop();
            x.setGrad(dStream);
        }
        embeddingTape.backward(embedded);
        arena.release(bottom);
        return loss;
    }

    private UnitParameters head() {
        return config.tieWordEmbeddings() ? units.getFirst() : units.getLast();
    }

    /// (N, V), without gradients.
    Tensor logits(StepArena arena, int[] ids, long B, long T) {
        var tape = new Tape(kernels, arena, false);
        Variable x = decoder.forwardEmbedding(tape, units.getFirst(), ints(arena, ids));
        for (int block = 0; block < config.numHiddenLayers(); block++) {
            x = decoder.forwardBlock(tape, units.get(1 + block), x, B, T, Pass.KEEP_PRODUCTS);
        }
        return decoder.logits(tape, head(), x);
    }

    static int[] labels(int[] ids, int T) {
        var labels = new int[ids.length];
        for (int i = 0; i < ids.length; i++) { labels[i] = (i + 1) % T == 0 ? -100 : ids[i + 1]; }
        return labels;
    }

    static Tensor ints(StepArena arena, int[] values) {
        Tensor t = arena.allocate(DType.I32, values.length);
        MemorySegment.copy(values, 0, t.data(), ValueLayout.JAVA_INT, 0, values.length);
        return t;
    }

    static double get(Tensor t, long i) {
        return switch (t.dtype()) {
            case F64 -> t.data().getAtIndex(ValueLayout.JAVA_DOUBLE, i);
            case BF16 -> Bf16.get(t.data(), i);
            default -> t.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        };
    }

    static void set(Tensor t, long i, double value) {
        switch (t.dtype()) {
            case F64 -> t.data().setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
            case BF16 -> Bf16.set(t.data(), i, (float) value);
            default -> t.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value);
        }
    }
}
