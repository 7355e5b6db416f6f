package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import java.lang.foreign.MemorySegment;

/// Products with few rows, bound by reading b: what a KV-cache step needs, at a new shape each token, for which making a oneDNN
/// primitive would cost more than the product.
final class ThinMatmul implements Matmul {
    private final float[] partial = new float[Lanes.SUMS];

    @Override
    public String description() {
        return "thin matmul";
    }

    /// @throws UnsupportedOperationException if a is transposed
    @Override
    public void multiply(MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        if (transA) { throw new UnsupportedOperationException("thin matmul: a is transposed"); }
        for (long row = 0; row < m; row++) {
            if (!accumulate) { Elementwise.fill(c.asSlice(row * ldc * 4, n * 4L), 0f, n); }
            if (transB) {
                for (long j = 0; j < n; j++) {
                    long at = (row * ldc + j) * 4;
                    c.set(FLOAT, at, c.get(FLOAT, at) + Lanes.dot(a, row * lda * 4, b, j * ldb * 4, k, partial));
                }
            } else {
                for (long i = 0; i < k; i++) { addScaled(c, row * ldc * 4, b, i * ldb * 4, a.get(FLOAT, (row * lda + i) * 4), n); }
            }
        }
    }

    /// `c += b factor` over n elements from byte offsets.
    private static void addScaled(MemorySegment c, long cAt, MemorySegment b, long bAt, float factor, long n) {
        long whole = Lanes.whole(n);
        for (long i = 0; i < whole; i += L) {
            store(load(b, bAt + i * 4).fma(splat(factor), load(c, cAt + i * 4)), c, cAt + i * 4);
        }
        for (long i = whole; i < n; i++) {
            c.set(FLOAT, cAt + i * 4, Math.fma(b.get(FLOAT, bAt + i * 4), factor, c.get(FLOAT, cAt + i * 4)));
        }
    }
}
