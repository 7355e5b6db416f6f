package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Matrix products in Java, for machines that oneDNN's artifact has no library for: blocks of k and n, with both operands
/// packed (Goto and van de Geijn 2008), and a tile of [#ROWS] rows by two vectors in registers. One thread at a time.
///
/// An element of c is one chain of fused multiply-adds in the order of k inside a block of k, and blocks are added in order, so
/// its bits depend neither on the vector's width nor on the tile it falls into.
final class VectorMatmul implements Matmul {
    private static final int ROWS = 4;
    private static final int COLUMNS = 2 * L;
    private static final int K_BLOCK = 256;
    private static final int N_BLOCK = 512;

    private final MemorySegment packedA = Arena.ofAuto().allocate(4L * ROWS * K_BLOCK, 64);
    private final MemorySegment packedB = Arena.ofAuto().allocate(4L * K_BLOCK * N_BLOCK, 64);
    private final MemorySegment tile = Arena.ofAuto().allocate(4L * ROWS * COLUMNS, 64);
    private final Elementwise elementwise = new Elementwise();
    private MemorySegment wideOutput = MemorySegment.NULL;      // of bf16 products, whose blocks of k are added in f32

    @Override
    public String description() {
        return "Java matmul";
    }

    @Override
    public void multiply(Types types, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        if (!types.bf16Output) {
            multiply(types.bf16Inputs, c, ldc, a, lda, transA, b, ldb, transB, m, n, k, accumulate);
            return;
        }
        MemorySegment wide = wide((long) m * n);
        for (int i = 0; accumulate && i < m; i++) { elementwise.cast(wide, (long) i * n, false, c, i * ldc, true, n); }
        multiply(true, wide, n, a, lda, transA, b, ldb, transB, m, n, k, accumulate);
        for (int i = 0; i < m; i++) { elementwise.cast(c, i * ldc, true, wide, (long) i * n, false, n); }
    }

    private MemorySegment wide(long numel) {
        if (wideOutput.byteSize() < numel * 4) { wideOutput = Arena.ofAuto().allocate(numel * 4, 64); }
        return wideOutput;
    }

    private void multiply(boolean bf16, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        if (!accumulate) {
            for (long i = 0; i < m; i++) { elementwise.fill(c.asSlice(i * ldc * 4, n * 4L), 0f, n, false); }
        }
        for (int k0 = 0; k0 < k; k0 += K_BLOCK) {
            int depth = Math.min(K_BLOCK, k - k0);
            for (int n0 = 0; n0 < n; n0 += N_BLOCK) {
                int columns = Math.min(N_BLOCK, n - n0);
                packB(bf16, b, ldb, transB, k0, depth, n0, columns);
                for (int m0 = 0; m0 < m; m0 += ROWS) {
                    int rows = Math.min(ROWS, m - m0);
                    packA(bf16, a, lda, transA, m0, rows, k0, depth);
                    for (int j = 0; j < columns; j += COLUMNS) {
                        multiplyTile((long) j * depth * 4, depth);
                        addTile(c, m0 * ldc + n0 + j, ldc, rows, Math.min(COLUMNS, columns - j));
                    }
                }
            }
        }
    }

    /// Panels of [#COLUMNS] columns, each `depth` rows; missing columns are zeros.
    private void packB(boolean bf16, MemorySegment b, long ldb, boolean transB, long k0, int depth, long n0, int columns) {
        long at = 0;
        for (int panel = 0; panel < columns; panel += COLUMNS) {
            for (int i = 0; i < depth; i++) {
                for (int j = panel; j < panel + COLUMNS; j++, at += 4) {
                    long from = transB ? (n0 + j) * ldb + k0 + i : (k0 + i) * ldb + n0 + j;
                    packedB.set(FLOAT, at, j < columns ? Lanes.get(b, from, bf16) : 0f);
                }
            }
        }
    }

    /// [#ROWS] values for each of `depth` columns; missing rows are zeros.
    private void packA(boolean bf16, MemorySegment a, long lda, boolean transA, long m0, int rows, long k0, int depth) {
        for (int i = 0; i < depth; i++) {
            for (int r = 0; r < ROWS; r++) {
                long from = transA ? (k0 + i) * lda + m0 + r : (m0 + r) * lda + k0 + i;
                packedA.set(FLOAT, (i * (long) ROWS + r) * 4, r < rows ? Lanes.get(a, from, bf16) : 0f);
            }
        }
    }

    private void multiplyTile(long panel, int depth) {
        var c00 = splat(0f);
        var c01 = c00;
        var c10 = c00;
        var c11 = c00;
        var c20 = c00;
        var c21 = c00;
        var c30 = c00;
        var c31 = c00;
        for (int i = 0; i < depth; i++) {
            var b0 = load(packedB, panel + i * (COLUMNS * 4L));
            var b1 = load(packedB, panel + i * (COLUMNS * 4L) + L * 4L);
            var a0 = splat(packedA.get(FLOAT, i * (ROWS * 4L)));
            var a1 = splat(packedA.get(FLOAT, i * (ROWS * 4L) + 4));
            var a2 = splat(packedA.get(FLOAT, i * (ROWS * 4L) + 8));
            var a3 = splat(packedA.get(FLOAT, i * (ROWS * 4L) + 12));
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
        }
        store(c00, tile, 0);
        store(c01, tile, L * 4L);
        store(c10, tile, COLUMNS * 4L);
        store(c11, tile, COLUMNS * 4L + L * 4L);
        store(c20, tile, COLUMNS * 8L);
        store(c21, tile, COLUMNS * 8L + L * 4L);
        store(c30, tile, COLUMNS * 12L);
        store(c31, tile, COLUMNS * 12L + L * 4L);
    }

    private void addTile(MemorySegment c, long at, long ldc, int rows, int columns) {
        for (int r = 0; r < rows; r++) { elementwise.accumulate(c, at + r * ldc, tile, (long) r * COLUMNS, columns, false); }
    }
}
