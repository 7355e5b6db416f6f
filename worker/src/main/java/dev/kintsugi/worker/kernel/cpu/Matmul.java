package dev.kintsugi.worker.kernel.cpu;

import java.lang.foreign.MemorySegment;

/// Matrix products on row-major matrices with row strides, summed in f32.
interface Matmul {
    /// Element types of a product's operands.
    enum Types {
        F32(false, false), BF16(true, true), BF16_TO_F32(true, false);

        final boolean bf16Inputs;
        final boolean bf16Output;

        Types(boolean bf16Inputs, boolean bf16Output) {
            this.bf16Inputs = bf16Inputs;
            this.bf16Output = bf16Output;
        }
    }

    /// `c (m, n) = op(a) (m, k) op(b) (k, n)`, or `c +=` when `accumulate`. `op` transposes when its flag is set: a is then
    /// stored `(k, m)`, b `(n, k)`. `lda`, `ldb` and `ldc` are the distances between stored rows, in elements. The bits of c
    /// depend on the arguments' values and shapes only, not on addresses.
    ///
    /// @throws IndexOutOfBoundsException if a segment is smaller than its matrix
    void multiply(Types types, MemorySegment c, long ldc, MemorySegment a, long lda, boolean transA, MemorySegment b, long ldb,
            boolean transB, int m, int n, int k, boolean accumulate);

    /// How many primitives were made so far; 0 where there are none.
    default long primitivesMade() {
        return 0;
    }

    /// For the log, such as `oneDNN 3.11 avx512_core`.
    String description();
}
