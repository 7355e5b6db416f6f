package dev.kintsugi.worker.autograd;

import dev.kintsugi.sharding.architecture.Activation;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.kernel.AttentionMask;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/// Runs operations forward and, when recording, remembers how to run them backward. One tape a unit and pass; one thread.
///
/// ```
/// B batch   T positions   C channels   H, G heads   D head size   N = B T rows   K, O features in and out
/// ```
/// **Memory** is a stack. An operation leaves its output on it, and what its gradient needs; kernel scratch is given back at once. In
/// the backward pass the gradient of an intermediate value is allocated on top when the first user of the value adds to it, and
/// freed once the operation that made the value has read it, if it is then the topmost; if not, it goes with the unit. The
/// number of bytes is thus a function of shapes alone: `sharding.estimate.ActivationEstimate`.
public final class Tape {
    private final Kernels kernels;
    private final StepArena arena;
    private final boolean recording;
    private final OptionalLong dropoutKey;
    private final List<Operation> operations = new ArrayList<>();

    private record Operation(List<Variable> outputs, Runnable backward) {}

    /// One of the layers of [#normLinear]: `y (N, O)` is the caller's.
    public record Projection(Tensor y, Linear layer) {}

    /// Without dropout.
    public Tape(Kernels kernels, StepArena arena, boolean recording) {
        this(kernels, arena, recording, OptionalLong.empty());
    }

    /// @param dropoutKey of the micro-batch; a pass that is made again has the same. Without one nothing is dropped.
    public Tape(Kernels kernels, StepArena arena, boolean recording, OptionalLong dropoutKey) {
        this.kernels = kernels;
        this.arena = arena;
        this.recording = recording;
        this.dropoutKey = dropoutKey;
    }

    OptionalLong dropoutKey() {
        return dropoutKey;
    }

    public boolean isRecording() {
        return recording;
    }

    public Kernels kernels() {
        return kernels;
    }

    public StepArena arena() {
        return arena;
    }

    /// Gives every variable and parameter that `y` came from its gradient. The caller has set `y`'s; parameters' are added to.
    /// Needs a tape that records, and uses it up.
    public void backward(Variable y) {
        if (!isLastOutput(y) || y.grad() == null) {
            throw new IllegalArgumentException("backward(%s): not the last output of a recording tape, or it has no gradient".formatted(y.data()));
        }
        for (Operation operation : operations.reversed()) {
            operation.backward().run();
            operation.outputs().reversed().forEach(this::free);
        }
        operations.clear();
    }

    private boolean isLastOutput(Variable y) {
        return !operations.isEmpty() && operations.getLast().outputs().getLast() == y;
    }

    /// `(N, C)`: the rows `ids (N)` of `w (V, C)`.
    public Variable embedding(Tensor ids, Parameter w) {
        Tensor y = arena.allocate(w.data().dtype(), ids.numel(), w.data().dim(1));
        kernels.embedding(y, ids, w.data());
        var out = Variable.of(y);
        return record(out, () -> {
            if (w.grad() != null) { kernels.embeddingBackward(w.begunGrad(kernels), out.grad(), ids); }
        });
    }

    /// The norm of `x (N, C)` in the caller's `y`, over which backward writes x's gradient: nothing else may read y once the gradient of
    /// the result is complete. x must have no other user.
    public Variable norm(Tensor y, Variable x, Norm norm) {
        Tensor statistics = norm.allocateStatistics(arena, x.data());
        norm.forward(kernels, y, statistics, x.data());
        var out = Variable.of(y);
        return record(out, () -> {
            kernels.fill(y, 0);
            norm.backward(kernels, arena, y, out.grad(), x.data(), statistics);
            x.setGrad(y);
        });
    }

    private Tensor zeroedGrad(Variable x) {
        if (x.grad() == null) { kernels.fill(allocateGrad(x), 0); }
        return x.grad();
    }

    /// The norm of `x (N, C)` through several layers: `y_i (N, O_i) = norm(x) w_i (O_i, C)^T + bias_i`.
    ///
    /// @param keepNorm keep the norm for the backward pass, instead of making it once more there: the same bits, faster by one pass over x and
    ///     larger by x
    public List<Variable> normLinear(Variable x, Norm norm, boolean keepNorm, List<Projection> projections) {
        Tensor statistics = norm.allocateStatistics(arena, x.data());
        long mark = arena.mark();
        Tensor normed = arena.allocate(x.data().dtype(), x.data().shape());
        norm.forward(kernels, normed, statistics, x.data());
        for (Projection p : projections) { p.layer().forward(this, p.y(), normed); }
        if (!keepNorm) { arena.release(mark); }
        List<Variable> outputs = projections.stream().map(p -> Variable.of(p.y())).toList();
        Tensor kept = keepNorm ? normed : null;
        record(outputs, () -> normLinearBackward(x, norm, kept, statistics, projections, outputs));
        return outputs;
    }

    private void normLinearBackward(Variable x, Norm norm, Tensor kept, Tensor statistics, List<Projection> projections, List<Variable> outputs) {
        Tensor dx = zeroedGrad(x);
        long mark = arena.mark();
        Tensor normed = normAgain(x, norm, kept, statistics);
        for (int i = 0; i < projections.size(); i++) {
            projections.get(i).layer().addGradients(this, outputs.get(i).grad(), normed);
        }
        Tensor dNormed = normed;        // the norm has been read for the last time
        for (int i = 0; i < projections.size(); i++) {
            projections.get(i).layer().backwardInput(this, dNormed, outputs.get(i).grad(), i > 0);
        }
        norm.backward(kernels, arena, dx, dNormed, x.data(), statistics);
        arena.release(mark);
    }

    /// The norm of `x (N, C)` through one layer that makes queries, keys and values of all heads (`w (3 * H * D, C)`, rows as `Kernels#splitHeads` has
    /// them), into the caller's three `heads (N, H * D)`.
    ///
    /// @param keepNorm as of [#normLinear]
    public List<Variable> normHeads(Variable x, Norm norm, boolean keepNorm, Linear layer, long D, List<Tensor> heads) {
        Tensor statistics = norm.allocateStatistics(arena, x.data());
        long mark = arena.mark();
        Tensor normed = arena.allocate(x.data().dtype(), x.data().shape());
        long above = arena.mark();
        norm.forward(kernels, normed, statistics, x.data());
        Tensor joined = arena.allocate(x.data().dtype(), x.data().dim(0), layer.outputs());
        layer.forward(this, joined, normed);
        kernels.splitHeads(heads.get(0), heads.get(1), heads.get(2), joined, D);
        arena.release(keepNorm ? above : mark);
        List<Variable> outputs = heads.stream().map(Variable::of).toList();
        Tensor kept = keepNorm ? normed : null;
        record(outputs, () -> normHeadsBackward(x, norm, kept, statistics, layer, D, outputs));
        return outputs;
    }

    private void normHeadsBackward(Variable x, Norm norm, Tensor kept, Tensor statistics, Linear layer, long D, List<Variable> outputs) {
        Tensor dx = zeroedGrad(x);
        long mark = arena.mark();
        Tensor normed = normAgain(x, norm, kept, statistics);
        Tensor dJoined = arena.allocate(x.data().dtype(), x.data().dim(0), layer.outputs());
        kernels.joinHeads(dJoined, outputs.get(0).grad(), outputs.get(1).grad(), outputs.get(2).grad(), D);
        layer.addGradients(this, dJoined, normed);
        Tensor dNormed = normed;        // the norm has been read for the last time
        layer.backwardInput(this, dNormed, dJoined, false);
        norm.backward(kernels, arena, dx, dNormed, x.data(), statistics);
        arena.release(mark);
    }

    /// `kept`, or on top of the arena what it was if it was not kept.
    private Tensor normAgain(Variable x, Norm norm, Tensor kept, Tensor statistics) {
        if (kept != null) { return kept; }
        Tensor normed = arena.allocate(x.data().dtype(), x.data().shape());
        norm.forward(kernels, normed, statistics, x.data());
        return normed;
    }

    /// `layer` of `x (N, K)`: (N, O).
    public Variable linear(Variable x, Linear layer) {
        Tensor y = arena.allocate(x.data().dtype(), x.data().dim(0), layer.outputs());
        layer.forward(this, y, x.data());
        var out = Variable.of(y);
        return record(out, () -> {
            layer.addGradients(this, out.grad(), x.data());
            boolean accumulate = x.grad() != null;
            Tensor dx = accumulate ? x.grad() : allocateGrad(x);
            layer.backwardInput(this, dx, out.grad(), accumulate);
        });
    }

    /// The same memory under another shape of equal numel.
    public Variable view(Variable x, long... shape) {
        var out = Variable.of(x.data().reshape(shape));
        return record(out, () -> x.takeGrad(out));
    }

    /// Rotates `x (B, T, H, D)` **in place**: x must have no other user.
    ///
    /// @param positions (B, T), of tokens in their own samples; null for `firstPosition + t`
    public Variable rotary(Variable x, Tensor cos, Tensor sin, long firstPosition, Tensor positions) {
        rotate(x.data(), cos, sin, firstPosition, positions, false);
        var out = Variable.of(x.data());
        return record(out, () -> {
            rotate(out.grad(), cos, sin, firstPosition, positions, true);
            x.takeGrad(out);
        });
    }

    private void rotate(Tensor x, Tensor cos, Tensor sin, long firstPosition, Tensor positions, boolean inverse) {
        if (positions == null) {
            kernels.rotary(x, cos, sin, firstPosition, inverse);
        } else {
            kernels.rotary(x, cos, sin, positions, inverse);
        }
    }

    /// Causal attention of `q (B, T, H, D)` over `k` and `v (B, S, G, D)`; q, k and v must have no other user.
    public Variable attention(Variable q, Variable k, Variable v, AttentionMask mask) {
        Tensor out = arena.allocate(q.data().dtype(), q.data().shape());
        Tensor lse = arena.allocate(Kernels.statistics(q.data().dtype()), q.data().dim(0), q.data().dim(2), q.data().dim(1));
        long mark = arena.mark();
        kernels.attention(out, lse, q.data(), k.data(), v.data(), mask, attentionScratch(q.data(), k.data()));
        arena.release(mark);
        var y = Variable.of(out);
        return record(y, () -> attentionBackward(y, lse, q, k, v, mask));
    }

    private void attentionBackward(Variable y, Tensor lse, Variable q, Variable k, Variable v, AttentionMask mask) {
        Tensor dq = allocateGrad(q);
        Tensor dk = allocateGrad(k);
        Tensor dv = allocateGrad(v);
        long mark = arena.mark();
        Tensor scratch = attentionScratch(q.data(), k.data());
        kernels.attentionBackward(dq, dk, dv, y.grad(), y.data(), lse, q.data(), k.data(), v.data(), mask, scratch);
        arena.release(mark);
    }

    private Tensor attentionScratch(Tensor q, Tensor k) {
        long numel = kernels.attentionScratchNumel(q.dim(0), q.dim(1), k.dim(1), q.dim(2), k.dim(2), q.dim(3));
        return numel == 0 ? null : arena.allocate(DType.F32, numel);
    }

    /// `y (N, O) = (silu(gate) * up) (N, F) w (O, F)^T + bias (O)`, y being the caller's; `bias` may be null. The product of gate and up is
    /// not kept: backward makes it again in the pass that it makes anyway, and writes the gradients of gate and up over their values,
    /// which nothing else needs by then. Both must have no other user, and be outputs of operations that do not read their own output in
    /// backward (linear).
    ///
    /// @param compute false leaves y as it is: for a forward pass that is made again only for its backward
    public Variable swigluLinear(Tensor y, Variable gate, Variable up, Linear layer, boolean compute) {
        if (compute) {
            long mark = arena.mark();
            Tensor product = arena.allocate(gate.data().dtype(), gate.data().shape());
            kernels.swiglu(product, gate.data(), up.data());
            layer.forward(this, y, product);
            arena.release(mark);
        }
        var out = Variable.of(y);
        return record(out, () -> {
            long mark = arena.mark();
            Tensor dProduct = arena.allocate(gate.data().dtype(), gate.data().shape());
            layer.backwardInput(this, dProduct, out.grad(), false);
            Tensor product = dProduct;
            kernels.swigluBackward(gate.data(), up.data(), product, dProduct, gate.data(), up.data());
            gate.setGrad(gate.data());
            up.setGrad(up.data());
            layer.addGradients(this, out.grad(), product);
            arena.release(mark);
        });
    }

    /// `y (N, O) = gelu(x) (N, F) w (O, F)^T + bias (O)`, otherwise as [#swigluLinear]: the activation is made again in backward, and x's gradient
    /// written over its values.
    public Variable geluLinear(Tensor y, Variable x, Activation kind, Linear layer, boolean compute) {
        if (compute) {
            long mark = arena.mark();
            Tensor activated = arena.allocate(x.data().dtype(), x.data().shape());
            kernels.gelu(activated, x.data(), kind);
            layer.forward(this, y, activated);
            arena.release(mark);
        }
        var out = Variable.of(y);
        return record(out, () -> {
            long mark = arena.mark();
            Tensor dActivated = arena.allocate(x.data().dtype(), x.data().shape());
            layer.backwardInput(this, dActivated, out.grad(), false);
            Tensor activated = dActivated;
            kernels.geluBackward(x.data(), activated, dActivated, x.data(), kind);
            x.setGrad(x.data());
            layer.addGradients(this, out.grad(), activated);
            arena.release(mark);
        });
    }

    /// See [#addResidual(Variable, Variable, boolean)].
    public Variable addResidual(Variable x, Variable branch) {
        return addResidual(x, branch, true);
    }

    /// `x + branch`, written over `branch`, which must be the output of the operation just before.
    ///
    /// The sum's gradient is the gradient of both, so both get the very same tensor, without a copy. That is safe because of the
    /// order of the backward pass: branch's gradient is read just once, by the operation that comes next (the one that made
    /// branch); whatever else adds to x's gradient, such as the norm at the branch's entry, was recorded before it and so runs
    /// after it. The gradient of a residual stream thus stays in one tensor through all blocks.
    ///
    /// @param compute false leaves branch as it is, see [#swigluLinear]
    public Variable addResidual(Variable x, Variable branch, boolean compute) {
        if (recording && !isLastOutput(branch)) {
            throw new IllegalArgumentException("addResidual: branch %s is not the output of the operation just before".formatted(branch.data()));
        }
        if (compute) { kernels.add(branch.data(), x.data(), branch.data()); }
        var out = Variable.of(branch.data());
        return record(out, () -> {
            if (x.grad() == null) {
                branch.setGrad(out.grad());
                x.takeGrad(out);
            } else {
                kernels.accumulate(x.grad(), out.grad());
                branch.takeGrad(out);
            }
        });
    }

    private Variable record(Variable output, Runnable backward) {
        record(List.of(output), backward);
        return output;
    }

    private void record(List<Variable> outputs, Runnable backward) {
        if (recording) { operations.add(new Operation(outputs, backward)); }
    }

    /// Uninitialised.
    private Tensor allocateGrad(Variable x) {
        if (x.grad() != null) { throw new AssertionError("a second user of %s, which may have one".formatted(x.data())); }
        long bottom = arena.mark();
        Tensor grad = arena.allocate(x.data().dtype(), x.data().shape());
        x.ownGrad(grad, bottom, arena.mark());
        return grad;
    }

    private void free(Variable output) {
        if (output.gradTop() >= 0 && output.gradTop() == arena.mark()) { arena.release(output.gradBottom()); }
    }
}
