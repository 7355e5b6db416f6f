package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.MemorySegment;

/// f32 matrix products on row-major matrices with row strides.
interface Matmul {
    /// `c (m, n) = op(a) (m, k) op(b) (k, n)`, or `c +=` when `accumulate`. `op` transposes when its flag is set: a is then
    /// stored `(k, m)`, b `(n, k)`. `lda`, `ldb` and `ldc` are the distances between stored rows, in elements. The bits of c
    /// depend on the arguments' values and shapes only, not on addresses.
    ///
    /// @throws IndexOutOfBoundsException if a segment is smaller than its matrix
    void multiply(MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb, boolean transB,
            int m, int n, int k, boolean accumulate);

    /// For the log, such as `oneDNN 3.11 avx512_core`.
    String description();
}
