package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Matrix products by oneDNN, on the calling thread. One thread at a time; the memory it owns (primitives, one scratchpad as
/// large as the largest product wants) lives as long as the process.
final class OneDnnMatmul implements Matmul {
    private static final long SCRATCHPAD_ALIGNMENT = 4096;
    private static final int PRIMITIVES = 512;
    /// From so many columns on, transposing a ahead of a bf16 product pays.
    private static final int WIDE = 128;

    private final OneDnn dnn;
    private final MatmulCache cache;
    private final Transposition transposition = new Transposition();
    private MemorySegment scratchpad = MemorySegment.NULL;
    private Arena scratchpadArena = Arena.ofShared();
    private Thread thread;

    OneDnnMatmul(OneDnn dnn) {
        this(dnn, PRIMITIVES);
    }

    OneDnnMatmul(OneDnn dnn, int primitives) {
        this.dnn = dnn;
        this.cache = new MatmulCache(dnn, primitives);
    }

    @Override
    public void multiply(Types types, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        requireSize("a", a, lda, transA ? k : m, transA ? m : k, types.bf16Inputs);
        requireSize("b", b, ldb, transB ? n : k, transB ? k : n, types.bf16Inputs);
        requireSize("c", c, ldc, m, n, types.bf16Output);
        if (m == 0 || n == 0) { return; }
        if (Thread.currentThread() != thread) {
            thread = Thread.currentThread();
            dnn.useOneThread();
        }
        if (types.bf16Inputs && transA && n >= WIDE && Transposition.isQuick()) {
            int rows = Transposition.rowsAtOnce(m, k);
            for (int row = 0; row < m; row += rows) {
                int count = Math.min(rows, m - row);
                MemorySegment rowsOfA = transposition.copy(a, row, count, k, lda);
                execute(types, c.asSlice((types.bf16Output ? 2 : 4) * row * ldc), ldc, rowsOfA, Transposition.ld(k), false, b, ldb, transB, count, n,
                        k, accumulate);
            }
        } else {
            execute(types, c, ldc, a, lda, transA, b, ldb, transB, m, n, k, accumulate);
        }
    }

    private void execute(Types types, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate) {
        var product = cache.get(new MatmulCache.Layout(types, m, n, k, lda, transA, ldb, transB, ldc, accumulate));
        dnn.setHandle(product.a(), a.address());
        dnn.setHandle(product.b(), b.address());
        dnn.setHandle(product.c(), c.address());
        dnn.setHandle(product.scratchpad(), scratchpad(product.scratchpadBytes()));
        dnn.execute(product.primitive(), 4, product.arguments());
    }

    private static void requireSize(String name, MemorySegment x, long ld, long rows, long columns, boolean bf16) {
        long numel = rows == 0 ? 0 : (rows - 1) * ld + columns;
        if (ld < columns || x.byteSize() < numel * (bf16 ? 2 : 4)) {
            throw new IndexOutOfBoundsException("matmul: %s of %d x %d with row stride %d does not fit its segment of %d bytes"
                    .formatted(name, rows, columns, ld, x.byteSize()));
        }
    }

    private long scratchpad(long bytes) {
        if (bytes > scratchpad.byteSize()) {
            scratchpadArena.close();
            scratchpadArena = Arena.ofShared();
            scratchpad = scratchpadArena.allocate(bytes, SCRATCHPAD_ALIGNMENT);
        }
        return scratchpad.address();
    }

    @Override
    public long primitivesMade() {
        return cache.made();
    }

    /// The version, and the code that square products in both types run.
    @Override
    public String description() {
        return "oneDNN %s %s, bf16 %s".formatted(dnn.version(), implementation(Types.F32), implementation(Types.BF16));
    }

    private String implementation(Types types) {
        return cache.get(new MatmulCache.Layout(types, 64, 64, 64, 64, false, 64, false, 64, false)).implementation();
    }
}
