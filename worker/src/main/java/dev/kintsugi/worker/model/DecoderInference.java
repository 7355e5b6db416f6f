package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.adapter.AdaptedModel;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.architecture.ModelConfig;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.sharding.estimate.InferenceEstimate;
import dev.kintsugi.sharding.estimate.LossChunks;
import dev.kintsugi.worker.autograd.Tape;
import dev.kintsugi.worker.autograd.UnitParameters;
import dev.kintsugi.worker.autograd.Variable;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;

/// A whole model in one process, for evaluation and generation. One sequence at a time, one thread.
///
/// ```java
/// try (var model = new DecoderInference(config, kernels, weights, promptLength + newTokens)) {
///     Tensor logits = model.append(promptIds);            // (1, V): what follows the prompt
///     while (...) { logits = model.append(nextId); }
/// }
/// ```
public final class DecoderInference implements AutoCloseable {
    private final Arena arena = Arena.ofShared();               // rotary tables and KV cache, for this object's life
    private final ModelConfig config;
    private final Kernels kernels;
    private final DType dtype;
    private final Decoder decoder;
    private final List<UnitParameters> units;
    private final KvCache cache;
    private final StepArena stepArena;

    /// @param weights by their names in the checkpoint, of one dtype, F32 or BF16, in which it computes; borrowed
    /// @param positions the longest sequence that will come
    /// @throws IllegalArgumentException if a weight is missing or has another shape than the config gives it
    public DecoderInference(ModelConfig config, Kernels kernels, Map<String, Tensor> weights, long positions) {
        this(config, null, kernels, weights, positions);
    }

    /// @param adapters whose weights are among the others; null for none
    public DecoderInference(ModelConfig config, AdaptedModel adapters, Kernels kernels, Map<String, Tensor> weights, long positions) {
        this.config = config;
        this.kernels = kernels;
        this.units = ModelSpec.of(config).units().stream().map(unit -> UnitParameters.of(unit, weights, adapters)).toList();
        this.dtype = weights.values().iterator().next().dtype();
        this.decoder = new Decoder(config, positions, dtype, arena);
        this.cache = new KvCache(config, positions, dtype, arena);
        this.stepArena = StepArena.ofBytes(InferenceEstimate.arenaBytes(config, adapters, positions, dtype));
    }

    /// Adds `ids` to the sequence and returns the logits (1, V) of its next token, valid until the next call of any method.
    ///
    /// @throws IllegalArgumentException if there are no ids, or more than there are positions left
    public Tensor append(int... ids) {
        if (ids.length == 0 || cache.length() + ids.length > cache.capacity()) {
            throw new IllegalArgumentException("append of %d ids to a sequence of %d of %d positions"
                    .formatted(ids.length, cache.length(), cache.capacity()));
        }
        Tensor last = null;
        for (int from = 0; from < ids.length; from += InferenceEstimate.APPEND_ROWS) {
            int rows = Math.min(InferenceEstimate.APPEND_ROWS, ids.length - from);
            stepArena.release(0);
            last = forward(ids, from, rows, cache).rows(rows - 1L, 1);
        }
        return decoder.logits(tape(), head(), Variable.of(last));
    }

    /// Positions of the sequence so far.
    public long length() {
        return cache.length();
    }

    /// Forgets the sequence from position `length` on; 0 starts anew.
    public void truncate(long length) {
        cache.truncate(length);
    }

    /// The sum of the cross entropies of `ids[1..]`, each given all before it. Leaves the sequence alone.
    public double lossSum(int[] ids) {
        stepArena.release(0);
        Tensor x = forward(ids, 0, ids.length, null);
        Tensor labels = stepArena.allocate(DType.I32, ids.length);
        MemorySegment.copy(ids, 1, labels.data(), ValueLayout.JAVA_INT, 0, ids.length - 1);
        labels.data().setAtIndex(ValueLayout.JAVA_INT, ids.length - 1L, -100);
        return decoder.loss(tape(), head(), Variable.of(x), labels, 1, false);
    }

    /// Logits (T, V) of every position of `ids (T)`, in the caller's arena. Leaves the sequence alone.
    public Tensor logits(int[] ids, Arena into) {
        stepArena.release(0);
        Tensor x = forward(ids, 0, ids.length, null);
        long V = config.vocabSize();
        var logits = new Tensor(into.allocate(ids.length * V * dtype.bytes(), StepArena.ALIGNMENT), dtype, ids.length, V);
        long chunk = LossChunks.rows(ids.length, V);
        for (long from = 0; from < ids.length; from += chunk) {
            long rows = Math.min(chunk, ids.length - from);
            long mark = stepArena.mark();
            kernels.copy(logits.rows(from, rows), decoder.logits(tape(), head(), Variable.of(x.rows(from, rows))));
            stepArena.release(mark);
        }
        return logits;
    }

    /// The last block's output (rows, C) for `ids[from .. from + rows)`. Each block's output is moved down to where its input was,
    /// so that depth costs no memory.
    ///
    /// @param history the sequence that the ids continue; null if they are one of their own
    private Tensor forward(int[] ids, int from, int rows, KvCache history) {
        Tensor idTensor = stepArena.allocate(DType.I32, rows);
        MemorySegment.copy(ids, from, idTensor.data(), ValueLayout.JAVA_INT, 0, rows);
        Variable x = decoder.forwardEmbedding(tape(), units.getFirst(), idTensor);
        for (int block = 0; block < config.numHiddenLayers(); block++) {
            long mark = stepArena.mark();
            UnitParameters weights = units.get(1 + block);
            Variable y = history == null ? decoder.forwardBlock(tape(), weights, x, 1, rows, Pass.KEEP_PRODUCTS)
                    : decoder.forwardBlock(tape(), weights, x, rows, history, block);
            kernels.copy(x.data(), y.data());
            stepArena.release(mark);
        }
        if (history != null) { history.append(rows); }
        return x.data();
    }

    private UnitParameters head() {
        return config.tieWordEmbeddings() ? units.getFirst() : units.getLast();
    }

    private Tape tape() {
        return new Tape(kernels, stepArena, false);
    }

    @Override
    public void close() {
        stepArena.close();
        arena.close();
    }
}
