package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;

import java.lang.foreign.MemorySegment;

/// Products with few rows, bound by reading b: what a KV-cache step needs, at a new shape each token, for which making a oneDNN
/// primitive would cost more than the product. One thread.
final class ThinMatmul implements Matmul {
    private final float[] partial = new float[Lanes.SUMS];
    private final Elementwise elementwise = new Elementwise();
    private float[] rowOfA = {};
    private float[] rowOfB = {};

    @Override
    public String description() {
        return "thin matmul";
    }

    /// @throws UnsupportedOperationException if a is transposed, or c is bf16
    @Override
    public void multiply(Types types, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        if (transA || types.bf16Output) { throw new UnsupportedOperationException("thin matmul: a is transposed, or c is bf16"); }
        boolean bf16 = types.bf16Inputs;
        rowOfA = Rows.atLeast(rowOfA, k);
        rowOfB = Rows.atLeast(rowOfB, k);
        for (long row = 0; row < m; row++) {
            if (!accumulate) { elementwise.fill(c.asSlice(row * ldc * 4, n * 4L), 0f, n, false); }
            Rows.read(rowOfA, a, row * lda, k, bf16);
            if (transB) {
                for (long j = 0; j < n; j++) {
                    long at = (row * ldc + j) * 4;
                    Rows.read(rowOfB, b, j * ldb, k, bf16);
                    c.set(FLOAT, at, c.get(FLOAT, at) + Rows.dot(rowOfA, rowOfB, k, partial));
                }
            } else {
                for (int i = 0; i < k; i++) { elementwise.accumulateScaled(c, row * ldc, b, i * ldb, n, rowOfA[i], bf16); }
            }
        }
    }
}
