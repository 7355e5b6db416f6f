package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;
import static dev.kintsugi.worker.kernel.cpu.Lanes.whole;

import java.lang.foreign.MemorySegment;

/// Operations that look at one element at a time. `n` counts elements.
final class Elementwise {
    private Elementwise() {}

    static void fill(MemorySegment y, float value, long n) {
        long whole = whole(n);
        var v = Lanes.splat(value);
        for (long i = 0; i < whole; i += L) { store(v, y, i * 4); }
        for (long i = whole; i < n; i++) { y.set(FLOAT, i * 4, value); }
    }

    static void add(MemorySegment y, MemorySegment a, MemorySegment b, long n) {
        long whole = whole(n);
        for (long i = 0; i < whole; i += L) { store(load(a, i * 4).add(load(b, i * 4)), y, i * 4); }
        for (long i = whole; i < n; i++) { y.set(FLOAT, i * 4, a.get(FLOAT, i * 4) + b.get(FLOAT, i * 4)); }
    }

    /// `y[yAt ..] += x[xAt ..]`; offsets in bytes.
    static void accumulate(MemorySegment y, long yAt, MemorySegment x, long xAt, long n) {
        long whole = whole(n);
        for (long i = 0; i < whole; i += L) { store(load(y, yAt + i * 4).add(load(x, xAt + i * 4)), y, yAt + i * 4); }
        for (long i = whole; i < n; i++) {
            y.set(FLOAT, yAt + i * 4, y.get(FLOAT, yAt + i * 4) + x.get(FLOAT, xAt + i * 4));
        }
    }

    /// `y[at ..] *= factor`; `at` in bytes.
    static void scale(MemorySegment y, long at, long n, float factor) {
        long whole = whole(n);
        for (long i = 0; i < whole; i += L) { store(load(y, at + i * 4).mul(factor), y, at + i * 4); }
        for (long i = whole; i < n; i++) { y.set(FLOAT, at + i * 4, y.get(FLOAT, at + i * 4) * factor); }
    }

    /// Adds `bias (C)` to each row of `y (N, C)`.
    static void addToRows(MemorySegment y, MemorySegment bias, long N, long C) {
        for (long r = 0; r < N; r++) { accumulate(y, r * C * 4, bias, 0, C); }
    }

    /// Adds the rows of `x (N, C)` to `sums (C)`, in the order of N.
    static void addColumnSums(MemorySegment sums, MemorySegment x, long N, long C) {
        for (long r = 0; r < N; r++) { accumulate(sums, 0, x, r * C * 4, C); }
    }
}
