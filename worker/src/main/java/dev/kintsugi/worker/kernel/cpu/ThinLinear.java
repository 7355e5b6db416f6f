package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.MemorySegment;

/// `y (N, O) = x (N, K) w (O, K)^T` with so few rows of x that reading w is all the work: what text generation does at each token. One thread.
///
/// Each row of y has the bits that it has alone, whatever N is. The rows of w come in blocks that stay in the second-level cache for all rows
/// of x, so w is read from memory once.
final class ThinLinear {
    /// With more rows, tiles of a matrix unit pay.
    static final int ROWS_MAX = 2;
    /// Rows of w.
    private static final int BLOCK = 64;

    private final RowDots[] rows = new RowDots[ROWS_MAX];
    private final float[] out = new float[BLOCK];

    ThinLinear() {
        for (int n = 0; n < ROWS_MAX; n++) { rows[n] = new RowDots(); }
    }

    /// @param N at most [#ROWS_MAX]
    void multiply(MemorySegment y, MemorySegment x, MemorySegment w, int N, int O, int K, boolean bf16) {
        for (int n = 0; n < N; n++) { rows[n].take(x, (long) n * K, K, 1, bf16); }
        for (long from = 0; from < O; from += BLOCK) {
            int count = (int) Math.min(BLOCK, O - from);
            for (int n = 0; n < N; n++) {
                rows[n].dots(out, 0, w, from * K, K, 1, count);
                Rows.write(y, (long) n * O + from, out, count, bf16);
            }
        }
    }
}
