package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.sharding.manifest.ChunkDigests;
import dev.kintsugi.storage.StoragePath;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The memory through which files of a checkpoint are read: one for any number of files, as long as one thread reads them. It remembers the
/// last chunks it was filled with.
public final class ChunkBuffer implements AutoCloseable {
    /// Read and checked at once: a chunk, while it is in a core's cache; or so much that a request to an object store is worth its latency.
    private static final long LOCAL_BYTES = ChunkDigests.CHUNK_BYTES;
    private static final long REMOTE_BYTES = 16L * ChunkDigests.CHUNK_BYTES;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private Object owner;
    private int first;
    private int end;

    /// @param from the storage it is to read
    public ChunkBuffer(StoragePath from) {
        memory = arena.allocate(from.isLocal() ? LOCAL_BYTES : REMOTE_BYTES, 4096);
    }

    MemorySegment memory() {
        return memory;
    }

    boolean holds(Object file, int chunk) {
        return owner == file && chunk >= first && chunk < end;
    }

    /// First chunk in it.
    int first() {
        return first;
    }

    void holdsNothing() {
        owner = null;
    }

    void holdsNow(Object file, int firstChunk, int chunkAfter) {
        owner = file;
        first = firstChunk;
        end = chunkAfter;
    }

    @Override
    public void close() {
        arena.close();
    }
}
