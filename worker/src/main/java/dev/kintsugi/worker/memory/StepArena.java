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
    private long top;
    private long highWater;

    private StepArena(Arena arena, MemorySegment memory) {
        this.arena = arena;
        this.memory = memory;
    }

    /// Backed by zeroed off-heap memory of `bytes`.
    public static StepArena ofBytes(long bytes) {
        Arena arena = Arena.ofShared();
        return new StepArena(arena, arena.allocate(Math.max(bytes, ALIGNMENT), ALIGNMENT));
    }

    /// Counts only: its tensors have no memory behind them.
    public static StepArena meta() {
        return new StepArena(null, MemorySegment.NULL.reinterpret(Long.MAX_VALUE));
    }

    /// Uninitialised (it holds what was there before).
    public Tensor allocate(DType dtype, long... shape) {
        long bytes = Tensor.numel(shape) * dtype.bytes();
        long rounded = Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
        if (top + rounded > memory.byteSize()) {
            throw new AssertionError("step arena: %d bytes wanted at %d of %d; the plan and the step disagree"
                    .formatted(rounded, top, memory.byteSize()));
        }
        var tensor = new Tensor(memory.asSlice(top, bytes), dtype, shape);
        top += rounded;
        highWater = Math.max(highWater, top);
        return tensor;
    }

    public long mark() {
        return top;
    }

    /// Frees everything allocated since `mark` was taken.
    public void release(long mark) {
        if (mark < 0 || mark > top) { throw new AssertionError("step arena: release(%d) above top %d".formatted(mark, top)); }
        top = mark;
    }

    public long highWaterBytes() {
        return highWater;
    }

    @Override
    public void close() {
        if (arena != null) { arena.close(); }
    }
}
