package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A communication buffer in this process's own memory.
record LocalBuffer(MemorySegment segment, DType dtype, DType shardDtype) implements GatherBuffer, GradientBuffer {
    private static final long ALIGNMENT = 64;

    static LocalBuffer allocate(Arena groupArena, long numel, DType dtype, DType shardDtype) {
        long bytes = numel * dtype.bytes();
        return new LocalBuffer(groupArena.allocate(Math.max(bytes, ALIGNMENT), ALIGNMENT).asSlice(0, bytes), dtype, shardDtype);
    }
}
