package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.INT;

import java.lang.foreign.MemorySegment;

/// Rows of `w (V, C)` picked by `ids (N)` i32, and the gradient added back to them in f32.
final class Embedding {
    private Embedding() {}

    /// @param rowBytes of a row of w and of y
    static void forward(MemorySegment y, MemorySegment ids, MemorySegment w, long N, long rowBytes) {
        for (long i = 0; i < N; i++) { MemorySegment.copy(w, ids.get(INT, i * 4) * rowBytes, y, i * rowBytes, rowBytes); }
    }

    static void backward(MemorySegment dw, MemorySegment dy, MemorySegment ids, long N, long C, boolean bf16, Elementwise elementwise) {
        for (long n = 0; n < N; n++) { elementwise.accumulate(dw, ids.get(INT, n * 4) * C, dy, n * C, C, bf16); }
    }

    /// @throws IllegalArgumentException if an id is not in `[0, V)`
    static void checkIds(MemorySegment ids, long N, long V) {
        for (long i = 0; i < N; i++) {
            int id = ids.get(INT, i * 4);
            if (id < 0 || id >= V) {
                throw new IllegalArgumentException("ids[%d]=%d is not in the vocabulary; V=%d".formatted(i, id, V));
            }
        }
    }
}
