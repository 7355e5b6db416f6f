package dev.kintsugi.worker.model;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.memory.StepArena;
import dev.kintsugi.worker.memory.Tensor;

/// Which positions the rows of a block's input are: B whole sequences of T positions, or the next T of the one sequence in `cache`.
///
/// @param inSample (B, T) I32, where whole sequences are of several samples: each token's position in its own; else null
/// @param cache null for whole sequences
/// @param block the index of the block, for the cache
record Positions(long B, long T, Tensor inSample, KvCache cache, int block) {
    static Positions whole(long B, long T, Tensor inSample) {
        return new Positions(B, T, inSample, null, 0);
    }

    static Positions next(long T, KvCache cache, int block) {
        return new Positions(1, T, null, cache, block);
    }

    /// Of the first row of a sequence.
    long first() {
        return cache == null ? 0 : cache.length();
    }

    long rows() {
        return B * T;
    }

    /// Where the rows' keys go: (rows, width).
    Tensor newKeys(StepArena arena, DType dtype, long width) {
        return cache == null ? arena.allocate(dtype, rows(), width) : cache.keys(block, first(), T);
    }

    /// Where the rows' values go: (rows, width).
    Tensor newValues(StepArena arena, DType dtype, long width) {
        return cache == null ? arena.allocate(dtype, rows(), width) : cache.values(block, first(), T);
    }
}
