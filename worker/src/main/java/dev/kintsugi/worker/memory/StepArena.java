package dev.kintsugi.worker.memory;

import dev.kintsugi.sharding.architecture.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The memory of one step: a stack. Allocation moves a pointer up, [#release] moves it back to a [#mark].
///
/// Forward passes leave on it what backward needs; backward releases each unit's part as it finishes it, so the
/// high-water mark is a formula of shapes (`sharding.estimate`), and the meta device finds the same number.
/// One thread. Every allocation is rounded up to 64 bytes: a cache line, a 512-bit register.
public final class StepArena implements AutoCloseable {
    public static final long ALIGNMENT = 64;

    private final Arena arena; // null on the meta device
    private final MemorySegment memory;
    private long ceiling;
    private long top;
    private long highWater;
    private long reserved;

    private StepArena(Arena arena, MemorySegment memory) {
        this.arena = arena;
        this.memory = memory;
        this.ceiling = memory.byteSize();
    }

    /// Backed by zeroed off-heap memory of `bytes`.
    public static StepArena ofBytes(long bytes) {
        Arena arena = Arena.ofShared();
        return new StepArena(arena, AnonymousMemory.allocate(arena, Math.max(bytes, ALIGNMENT)));
    }

    /// Counts only: its tensors have no memory behind them.
    public static StepArena meta() {
        return new StepArena(null, MemorySegment.NULL.reinterpret(Long.MAX_VALUE));
    }

    /// Uninitialised (it holds what was there before).
    public Tensor allocate(DType dtype, long... shape) {
        long bytes = Tensor.numel(shape) * dtype.bytes();
        long rounded = rounded(bytes);
        if (top + rounded > ceiling) {
            throw new AssertionError("step arena: %d bytes wanted at %d of %d; the plan and the step disagree"
                    .formatted(rounded, top, ceiling));
        }
        var tensor = new Tensor(memory.asSlice(top, bytes), dtype, shape);
        top += rounded;
        highWater = Math.max(highWater, top);
        return tensor;
    }

    private static long rounded(long bytes) {
        return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    }

    public long mark() {
        return top;
    }

    /// Frees everything allocated since `mark` was taken.
    public void release(long mark) {
        if (mark < 0 || mark > top) { throw new AssertionError("step arena: release(%d) above top %d".formatted(mark, top)); }
        top = mark;
    }

    /// The part at `offset` for something else than the stack: theirs at once only as far as the ceiling keeps them apart.
    public MemorySegment reserve(long offset, long bytes) {
        reserved = Math.max(reserved, offset + rounded(bytes));
        return memory.asSlice(offset, bytes);
    }

    /// From now on the stack stays below `offset`.
    public void lowerCeiling(long offset) {
        if (top > offset) { throw new AssertionError("step arena: ceiling %d below top %d; the plan and the step disagree".formatted(offset, top)); }
        ceiling = Math.min(ceiling, offset);
    }

    /// The stack may grow to the end of memory again.
    public void raiseCeiling() {
        ceiling = memory.byteSize();
    }

    /// Of the stack.
    public long highWaterBytes() {
        return highWater;
    }

    /// Of the stack and of what was reserved.
    public long usedBytes() {
        return Math.max(highWater, reserved);
    }

    @Override
    public void close() {
        if (arena != null) { arena.close(); }
    }
}
