package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.MemorySegment;

/// Queries, keys and values of heads, each in a tensor of its own or joined: a head's queries, its keys, its values, then the next head's. Copies bytes.
final class Heads {
    private Heads() {}

    /// @param heads of all rows
    /// @param bytes of a head's queries
    static void split(MemorySegment[] parts, MemorySegment joined, long heads, long bytes) {
        for (long h = 0; h < heads; h++) {
            for (int part = 0; part < parts.length; part++) {
                MemorySegment.copy(joined, (h * parts.length + part) * bytes, parts[part], h * bytes, bytes);
            }
        }
    }

    static void join(MemorySegment joined, MemorySegment[] parts, long heads, long bytes) {
        for (long h = 0; h < heads; h++) {
            for (int part = 0; part < parts.length; part++) {
                MemorySegment.copy(parts[part], h * bytes, joined, (h * parts.length + part) * bytes, bytes);
            }
        }
    }
}
