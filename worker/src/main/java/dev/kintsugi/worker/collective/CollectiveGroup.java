package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.plan.UnitPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// The ranks of one generation of a job, moving shards between them. Gradients are f32; f32 shards of weights are gathered as f32, or rounded to
/// bf16 on the way, and others as they are.
///
/// Every rank calls the same collectives in the same order, from one thread. An all-gather and a reduce-scatter come in two calls, so
/// that they go on while the rank computes: one begins and never waits for another rank, the other waits for the end; one may be in flight for
/// each buffer. Every other call is complete when it returns. Each carries (generation, step, sequence, kind, unit); a message of another
/// generation is refused, never mixed in. A wait without progress for the group's timeout throws [CollectiveTimeoutException], which
/// names the late rank; a peer known to be gone is a [PeerLostException]. Shards and accumulators may be read and written by a thread of the
/// group's while a collective is in flight, so they must be of a shared arena.
///
/// The group allocates the communication buffers, so that it can place them: over shared memory all ranks of a host see the same
/// gather buffer, and each other's gradient buffers.
public interface CollectiveGroup extends AutoCloseable {
    int rank();

    int worldSize();

    /// A buffer that unsharded units are gathered into. Same calls in the same order on every rank.
    /// Memory is zeroed, 64-byte aligned, owned by the group until [#close].
    ///
    /// @param numel elements of `dtype`
    /// @param dtype F32 or BF16
    /// @param shardDtype F32, or equal to `dtype`: of the shards that are gathered into it
    GatherBuffer gatherBuffer(String name, long numel, DType dtype, DType shardDtype);

    /// For shards that are f32.
    default GatherBuffer gatherBuffer(String name, long numel, DType dtype) {
        return gatherBuffer(name, numel, dtype, DType.F32);
    }

    /// A buffer for a unit's unsharded gradient, f32. Each rank writes its own; [#reduceScatter] reads all of them.
    GradientBuffer gradientBuffer(String name, long numel);

    /// The step that the journal records for the calls that follow.
    void enterStep(long step);

    /// Begins to bring every rank's rows of `unit` into `into`, in its dtype, laid out as the plan says. What `into` holds is not used by this
    /// rank any more, and is overwritten once no rank uses it.
    ///
    /// @param shard this rank's shard of the unit, in the buffer's shard dtype; borrowed until [#awaitAllGather] returns
    void beginAllGather(UnitPlan unit, MemorySegment shard, GatherBuffer into);

    /// Returns when all rows are there. They stay until this rank calls [#release] or gathers into the buffer again.
    void awaitAllGather(GatherBuffer into);

    /// This rank does not use what the buffer holds any more. Saying so early lets others begin to overwrite it.
    void release(GatherBuffer buffer);

    /// Both halves at once.
    default void allGather(UnitPlan unit, MemorySegment shard, GatherBuffer into) {
        beginAllGather(unit, shard, into);
        awaitAllGather(into);
    }

    /// Returns when nobody reads what this rank's buffer holds: it may be written.
    void claim(GradientBuffer buffer);

    /// Begins to add the ranks' gradients of this rank's rows to `accumulator` (laid out like the shard), in rank order 0, 1, 2 ...:
    /// `acc = ((acc + g0) + g1) + ...`, each addition rounded to f32. Where several ranks hold the same rows, each adds a part of them, and
    /// [#shareSums] brings the rest.
    ///
    /// @param from complete, and not written until the buffer is claimed again
    /// @param accumulator not touched until [#awaitReduceScatter] returns
    /// @param afresh begins with 0 instead of what the accumulator holds, which saves zeroing and reading it
    void beginReduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator, boolean afresh);

    /// Returns when the accumulator is complete. Other ranks may still be reading the buffer.
    void awaitReduceScatter(GradientBuffer from);

    /// Both halves and [#claim] at once: on return `from` may be overwritten.
    default void reduceScatter(UnitPlan unit, GradientBuffer from, MemorySegment accumulator) {
        beginReduceScatter(unit, from, accumulator, false);
        awaitReduceScatter(from);
        claim(from);
    }

    /// Completes the accumulators of the ranks that hold the same rows: each gets the parts that the others have summed, in as many reduce-scatters
    /// as there were. Does nothing where nobody holds the same rows.
    ///
    /// @param staging what it holds is lost
    void shareSums(UnitPlan unit, GradientBuffer staging, MemorySegment accumulator);

    /// A buffer in which rank 0 lays out, side by side, what every rank is to have a part of. Owned by the caller, and not counted by
    /// [#allocatedBytes].
    ///
    /// @param bytes of all parts together, at most
    /// @param partBytes of one part, at most
    ScatterBuffer scatterBuffer(String name, long bytes, long partBytes);

    /// Gives every rank its part of what rank 0 has put into `from`: bytes `[offset, offset + bytes)`, which may overlap with others' and be empty.
    /// The same parts on every rank. Rank 0 may write the buffer again when its next scatter or barrier has returned; so with two buffers it fills one
    /// while ranks use what came from the other.
    ///
    /// @param unit what the journal says is scattered
    /// @return this rank's part, to be read until this rank enters its next collective
    MemorySegment scatter(UnitPlan unit, ScatterBuffer from, Parts parts);

    /// Small messages (at most 64 KiB each): every rank's, in rank order. Also a barrier.
    List<byte[]> exchange(String what, byte[] mine);

    void barrier(String what);

    /// The last collectives entered and left; safe to call from any thread.
    Journal journal();

    /// Nanoseconds that this rank has spent waiting for others so far, in all calls.
    long waitedNs();

    /// Bytes of tensor memory this rank has taken from the group: each rank's own gradient buffers, and the gather buffers
    /// (over shared memory counted whole on each rank, though a host holds one copy).
    long allocatedBytes();

    @Override
    void close();

    /// See [#gatherBuffer].
    interface GatherBuffer {
        MemorySegment segment();

        DType dtype();

        /// Of the shards that are gathered into it.
        DType shardDtype();
    }

    /// See [#gradientBuffer].
    interface GradientBuffer {
        MemorySegment segment();
    }

    /// See [#scatterBuffer].
    interface ScatterBuffer extends AutoCloseable {
        /// On rank 0, where it lays out the parts; any of its threads may write it.
        MemorySegment segment();

        /// After the last scatter from it; ranks do not wait for each other.
        @Override
        void close();
    }

    /// Where the ranks' parts lie in a [ScatterBuffer].
    interface Parts {
        long offset(int rank);

        long bytes(int rank);
    }
}
