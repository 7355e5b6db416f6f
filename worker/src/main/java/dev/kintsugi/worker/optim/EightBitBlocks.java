package dev.kintsugi.worker.optim;

import dev.kintsugi.worker.kernel.Kernels.AdamW;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// AdamW over rows whose moments are bytes: each block of 256 elements of a row is read, updated in f32, and its moments written again in the unit of
/// their largest. No block has elements of two rows, so it does not matter which rank has which rows.
final class EightBitBlocks {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final int BLOCK = 256;

    /// A rank's rows of one matrix.
    ///
    /// @param largestM for each block of each row, as is the next
    record Rows(MemorySegment p, MemorySegment g, MemorySegment m, MemorySegment v, MemorySegment largestM, MemorySegment largestV, long rows, long rowNumel) {}

    private final float[] p = new float[BLOCK];
    private final float[] g = new float[BLOCK];
    private final float[] m = new float[BLOCK];
    private final float[] v = new float[BLOCK];
    private final byte[] codes = new byte[BLOCK];
    private double squares;

    /// @return the sum of squares of what was added, weight decay aside
    double update(Rows r, AdamW step) {
        squares = 0;
        long blocks = Math.ceilDiv(r.rowNumel, BLOCK);
        for (long row = 0; row < r.rows; row++) {
            for (long b = 0; b < blocks; b++) {
                int n = (int) Math.min(BLOCK, r.rowNumel - b * BLOCK);
                update(r, row * r.rowNumel + b * BLOCK, n, row * blocks + b, step);
            }
        }
        return squares;
    }

    private void update(Rows r, long first, int n, long block, AdamW step) {
        MemorySegment.copy(r.p, FLOAT, first * Float.BYTES, p, 0, n);
        MemorySegment.copy(r.g, FLOAT, first * Float.BYTES, g, 0, n);
        read(r.m, first, n, r.largestM.getAtIndex(FLOAT, block), DynamicMap.SIGNED, m);
        read(r.v, first, n, r.largestV.getAtIndex(FLOAT, block), DynamicMap.UNSIGNED, v);
        step(n, step);
        MemorySegment.copy(p, 0, r.p, FLOAT, first * Float.BYTES, n);
        r.largestM.setAtIndex(FLOAT, block, write(m, n, DynamicMap.SIGNED, r.m, first));
        r.largestV.setAtIndex(FLOAT, block, write(v, n, DynamicMap.UNSIGNED, r.v, first));
    }

    private void read(MemorySegment from, long first, int n, float largest, DynamicMap map, float[] into) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, first, codes, 0, n);
        for (int i = 0; i < n; i++) { into[i] = map.value(codes[i]) * largest; }
    }

    /// The same operations, so the same roundings, as the kernel for moments of f32.
    private void step(int n, AdamW step) {
        float gradScale = (float) step.gradScale();
        float decay = (float) (1 - step.learningRate() * step.weightDecay());
        float rise1 = (float) (1 - step.beta1());
        float beta2 = (float) step.beta2();
        float rise2 = (float) (1 - step.beta2());
        float rootCorrection2 = (float) Math.sqrt(step.biasCorrection2());
        float epsilon = (float) step.epsilon();
        float stepSize = (float) (step.learningRate() / step.biasCorrection1());
        double sum = 0;
        for (int i = 0; i < n; i++) {
            float gv = g[i] * gradScale;
            m[i] = Math.fma(gv - m[i], rise1, m[i]);
            v[i] = Math.fma(gv * gv, rise2, v[i] * beta2);
            float u = m[i] / ((float) Math.sqrt(v[i]) / rootCorrection2 + epsilon);
            p[i] = Math.fma(u, -stepSize, p[i] * decay);
            g[i] = u * stepSize;
        }
        for (int i = 0; i < n; i++) { sum += (double) g[i] * g[i]; }
        squares += sum;
    }

    private float write(float[] from, int n, DynamicMap map, MemorySegment into, long first) {
        float largest = 0;
        for (int i = 0; i < n; i++) { largest = Math.max(largest, Math.abs(from[i])); }
        for (int i = 0; i < n; i++) { codes[i] = map.code(largest == 0 ? 0 : from[i] / largest); }
        MemorySegment.copy(codes, 0, into, ValueLayout.JAVA_BYTE, first, n);
        return largest;
    }
}
