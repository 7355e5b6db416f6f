package dev.kintsugi.worker.kernel.cpu;

import dev.kintsugi.worker.kernel.DropoutMask;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Operations that look at one element at a time, f32 or bf16. Offsets count elements. One thread.
final class Elementwise {
    private final float[] x = new float[Rows.PIECE];
    private final float[] y = new float[Rows.PIECE];

    void fill(MemorySegment to, float value, long numel, boolean bf16) {
        if (Float.floatToRawIntBits(value) == 0) {
            to.asSlice(0, numel * (bf16 ? 2 : 4)).fill((byte) 0);
            return;
        }
        Arrays.fill(x, value);
        for (long at = 0; at < numel; at += Rows.PIECE) { Rows.write(to, at, x, piece(numel - at), bf16); }
    }

    private static int piece(long left) {
        return (int) Math.min(Rows.PIECE, left);
    }

    /// `sum = a + b`; sum may be a or b.
    void add(MemorySegment sum, MemorySegment a, MemorySegment b, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, a, at, n, bf16);
            Rows.read(y, b, at, n, bf16);
            Rows.add(x, y, n);
            Rows.write(sum, at, x, n, bf16);
        }
    }

    /// `to *= factor`.
    void scale(MemorySegment to, long numel, float factor, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, to, at, n, bf16);
            Rows.scale(x, n, factor);
            Rows.write(to, at, x, n, bf16);
        }
    }

    /// `to = from * mask`, or `to +=`.
    void dropout(MemorySegment to, MemorySegment from, long numel, DropoutMask mask, long first, boolean accumulate, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, from, at, n, bf16);
            drop(x, n, mask, first + at);
            if (accumulate) {
                Rows.read(y, to, at, n, bf16);
                Rows.add(x, y, n);
            }
            Rows.write(to, at, x, n, bf16);
        }
    }

    private static void drop(float[] x, int n, DropoutMask mask, long first) {
        float kept = (float) (1 / (1 - mask.probability()));
        for (int i = 0; i < n; i++) { x[i] = mask.keeps(first + i) ? x[i] * kept : 0; }
    }

    /// `to[toAt ..] = from[fromAt ..] * factor`, from f32 to f32 or bf16.
    void scale(MemorySegment to, long toAt, MemorySegment from, long fromAt, long numel, float factor, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, from, fromAt + at, n, false);
            Rows.scale(x, n, factor);
            Rows.write(to, toAt + at, x, n, bf16);
        }
    }

    /// `to[toAt ..] += from[fromAt ..]`, from f32 or bf16 to f32.
    void accumulate(MemorySegment to, long toAt, MemorySegment from, long fromAt, long numel, boolean bf16) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, to, toAt + at, n, false);
            Rows.read(y, from, fromAt + at, n, bf16);
            Rows.add(x, y, n);
            Rows.write(to, toAt + at, x, n, false);
        }
    }

    /// `to[toAt ..] = from[fromAt ..]`, from f32 or bf16 to the other or the same.
    void cast(MemorySegment to, long toAt, boolean toBf16, MemorySegment from, long fromAt, boolean fromBf16, long numel) {
        for (long at = 0; at < numel; at += Rows.PIECE) {
            int n = piece(numel - at);
            Rows.read(x, from, fromAt + at, n, fromBf16);
            Rows.write(to, toAt + at, x, n, toBf16);
        }
    }

    /// Adds `bias (C)` to each row of `rows (N, C)`.
    void addToRows(MemorySegment rows, MemorySegment bias, long N, long C, boolean bf16) {
        for (long row = 0; row < N; row++) {
            for (long at = 0; at < C; at += Rows.PIECE) {
                int n = piece(C - at);
                Rows.read(x, rows, row * C + at, n, bf16);
                Rows.read(y, bias, at, n, bf16);
                Rows.add(x, y, n);
                Rows.write(rows, row * C + at, x, n, bf16);
            }
        }
    }

    /// Adds the rows of `rows (N, C)` to the f32 `sums (C)`, in the order of N.
    void addColumnSums(MemorySegment sums, MemorySegment rows, long N, long C, boolean bf16) {
        for (long row = 0; row < N; row++) { accumulate(sums, 0, rows, row * C, C, bf16); }
    }
}
