package dev.kintsugi.worker.collective;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.worker.collective.CollectiveGroup.GatherBuffer;
import dev.kintsugi.worker.collective.CollectiveGroup.GradientBuffer;
import java.lang.foreign.MemorySegment;

/// A buffer of this rank's own, and the operation that fills or sends it.
record AeronBuffer(LocalBuffer memory, AeronOperation operation) implements GatherBuffer, GradientBuffer {
    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public DType dtype() {
        return memory.dtype();
    }

    @Override
    public DType shardDtype() {
        return memory.shardDtype();
    }
}
