package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.GptNeoXConfig;
import dev.kintsugi.sharding.architecture.LlamaConfig;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.estimate.LossChunks;
import dev.kintsugi.worker.autograd.Linear;
import dev.kintsugi.worker.autograd.Norm;
import dev.kintsugi.worker.autograd.Parameter;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.util.List;

/// A model, unit by unit: embedding, blocks of its architecture, head.
///
/// ```
/// B batch   T positions   N = B T rows   C hidden   V vocabulary
/// ```
/// Holds the rotary tables and no weights: those come in with each call, since a unit's are there only while it is gathered.
public final class Decoder {
    private final ModelConfig config;
    private final Block block;
    private final double labelSmoothing;

    /// @param arena owns the rotary tables, an element for each position and rotated element of a head
    /// @param positions the longest sequence that will come
    /// @param dtype of all values: F32 or BF16, or F64 for the oracle
    public Decoder(ModelConfig config, long positions, DType dtype, Arena arena) {
        this(config, positions, dtype, 0, arena);
    }

    /// @param labelSmoothing of the loss, see [Kernels#crossEntropy]
    public Decoder(ModelConfig config, long positions, DType dtype, double labelSmoothing, Arena arena) {
        this.config = config;
        this.labelSmoothing = labelSmoothing;
        var attention = new SelfAttention(config, RotaryTables.of(config, positions, Kernels.statistics(dtype), arena));
        this.block = switch (config) {
            case LlamaConfig llama -> new LlamaBlock(llama, attention);
            case GptNeoXConfig neox -> new GptNeoXBlock(neox, attention);
        };
    }

    public ModelConfig config() {
        return config;
    }

    /// @param ids (N) I32
    /// @return (N, C)
    public Variable forwardEmbedding(Tape tape, UnitParameters embedding, Tensor ids) {
        return tape.embedding(ids, embedding.get(config.embeddingName()));
    }

    /// One block over B whole sequences of T positions. The output lies below everything else that the block allocates; a tape that
    /// does not record leaves nothing but it.
    ///
    /// @param x (N, C)
    /// @param pass what the call is for
    /// @return (N, C); not computed when the pass is a recomputation
    public Variable forwardBlock(Tape tape, UnitParameters weights, Variable x, long B, long T, Pass pass) {
        return forwardBlock(tape, weights, x, B, T, null, pass);
    }

    /// The same over sequences that are several samples, none of which sees another.
    ///
    /// @param inSample (B, T) I32, of each token in its own sample; null where each sequence is one sample
    public Variable forwardBlock(Tape tape, UnitParameters weights, Variable x, long B, long T, Tensor inSample, Pass pass) {
        return block.forward(tape, weights, x, Positions.whole(B, T, inSample), pass);
    }

    /// One block over the next T positions of the one sequence in `cache`, whose keys and values it adds there.
    ///
    /// @param x (T, C)
    /// @param index of the block
    Variable forwardBlock(Tape tape, UnitParameters weights, Variable x, long T, KvCache cache, int index) {
        return block.forward(tape, weights, x, Positions.next(T, cache, index), Pass.KEEP_PRODUCTS);
    }

    /// Final norm, head and cross entropy, in chunks of [LossChunks#rows] rows, so that the logits never exist as a whole. With
    /// `train`, each chunk runs its backward pass at once: gradients of the norm's gain and the head's matrix are added to, and
    /// `x.grad()` is overwritten (allocated on the arena if x has none).
    ///
    /// @param head the last unit; with tied embeddings the embedding unit
    /// @param x (N, C), the last block's output
    /// @param labels (N) I32, the token that follows each position; negative where there is none
    /// @param scale of the gradient: 1 / (predicted tokens of the whole step)
    /// @return the sum of the rows' losses, not scaled
    public double loss(Tape tape, UnitParameters head, Variable x, Tensor labels, double scale, boolean train) {
        long N = x.data().dim(0);
        long chunk = LossChunks.rows(N, config.vocabSize());
        if (train && x.grad() == null) { x.setGrad(tape.arena().allocate(x.data().dtype(), x.data().shape())); }
        double loss = 0;
        for (long from = 0; from < N; from += chunk) {
            long rows = Math.min(chunk, N - from);
            Tensor dx = train ? x.grad().rows(from, rows) : null;
            loss += chunkLoss(tape, head, x.data().rows(from, rows), dx, labels.rows(from, rows), scale);
        }
        return loss;
    }

    /// @param dx (rows, C), overwritten; null without training
    private double chunkLoss(Tape tape, UnitParameters head, Tensor x, Tensor dx, Tensor labels, double scale) {
        StepArena arena = tape.arena();
        Kernels kernels = tape.kernels();
        Norm norm = finalNorm(head);
        Parameter w = headMatrix(head);
        long mark = arena.mark();
        Tensor h = arena.allocate(x.dtype(), x.shape());
        Tensor statistics = norm.allocateStatistics(arena, x);
        Tensor logits = arena.allocate(x.dtype(), x.dim(0), config.vocabSize());
        norm.forward(kernels, h, statistics, x);
        kernels.linear(logits, h, w.data(), null);
        double loss = kernels.crossEntropy(logits, labels, scale, labelSmoothing, dx != null);
        if (dx != null) {
            if (w.grad() != null) { kernels.linearBackwardWeight(w.grad(), null, logits, h, !w.takeBegun()); }
            Tensor dh = h;              // which has been read for the last time
            kernels.linearBackwardInput(dh, logits, w.data(), false);
            kernels.fill(dx, 0);
            norm.backward(kernels, arena, dx, dh, x, statistics);
        }
        arena.release(mark);
        return loss;
    }

    /// Logits of every row, for inference: `(N, V)` on the arena.
    public Tensor logits(Tape tape, UnitParameters head, Variable x) {
        Tensor logits = tape.arena().allocate(x.data().dtype(), x.data().dim(0), config.vocabSize());
        long mark = tape.arena().mark();
        tape.normLinear(x, finalNorm(head), false, List.of(new Tape.Projection(logits, new Linear(headMatrix(head), null, null))));
        tape.arena().release(mark);
        return logits;
    }

    private Norm finalNorm(UnitParameters head) {
        return switch (config) {
            case LlamaConfig llama -> new Norm.Rms(head.get("model.norm.weight"), llama.rmsNormEps());
            case GptNeoXConfig neox -> GptNeoXBlock.norm(neox, head, GptNeoXBlock.FINAL_NORM);
        };
    }

    private Parameter headMatrix(UnitParameters head) {
        return head.get(config.tieWordEmbeddings() ? config.embeddingName() : config.headName());
    }
}
