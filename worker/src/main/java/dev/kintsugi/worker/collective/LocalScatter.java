package dev.kintsugi.worker.collective;

import dev.kintsugi.worker.collective.CollectiveGroup.ScatterBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// This process's view of a scatter buffer; it ends with the arena.
record LocalScatter(Arena bufferArena, MemorySegment segment) implements ScatterBuffer {
    private static final long ALIGNMENT = 64;

    static LocalScatter allocate(long bytes) {
        Arena bufferArena = Arena.ofShared();
        return new LocalScatter(bufferArena, bufferArena.allocate(Math.max(bytes, ALIGNMENT), ALIGNMENT).asSlice(0, bytes));
    }

    @Override
    public void close() {
        bufferArena.close();
    }
}
