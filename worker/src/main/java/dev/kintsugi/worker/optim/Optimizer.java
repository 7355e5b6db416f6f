package dev.kintsugi.worker.optim;

import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;

/// From gradients to new weights, over a rank's own shards. The same bits on any number of ranks.
public interface Optimizer {
    /// What an update needs besides tensors.
    ///
    /// @param number counts from 1
    /// @param gradScale multiplies the gradients first: the clipping coefficient
    /// @param gradNorm of all gradients, over all ranks, before that; finite
    record Update(long number, double learningRate, double gradScale, double gradNorm) {}

    /// @param gradients one segment a unit, f32, laid out like the shards; what they hold is lost
    /// @param beforeUnit hears the index of each unit before its weights and slots change: nothing else ever changes them
    void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit);

    /// The sum of squares of what the last update added to this rank's rows of a parameter, or NaN where that is not known.
    ///
    /// @param last its number
    /// @param learningRate its rate
    double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate);
}
