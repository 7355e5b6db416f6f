package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/// Rotary position embedding (Su et al. 2021) of f32 or bf16, element i of the first R of a head paired with element `i + R / 2`; angles are f32.
/// One thread.
final class Rotary {
    private float[] row = {};
    private float[] cos = {};
    private float[] sin = {};

    /// @param positions I32 (B, T); null for `firstPosition + t`
    void rotate(MemorySegment x, MemorySegment cosines, MemorySegment sines, long firstPosition, MemorySegment positions, boolean inverse, long B,
            long T, int H, int D, int R, boolean bf16) {
        int half = R / 2;
        int width = H * D;
        row = Rows.atLeast(row, width);
        cos = Rows.atLeast(cos, half);
        sin = Rows.atLeast(sin, half);
        for (long t = 0; t < T; t++) {
            if (positions == null) { readTables(cosines, sines, (firstPosition + t) * half, half, inverse); }
            for (long b = 0; b < B; b++) {
                if (positions != null) {
                    readTables(cosines, sines, (long) positions.getAtIndex(ValueLayout.JAVA_INT, b * T + t) * half, half, inverse);
                }
                long at = (b * T + t) * width;
                Rows.read(row, x, at, width, bf16);
                for (int h = 0; h < width; h += D) { rotateHead(row, h, cos, sin, half); }
                Rows.write(x, at, row, width, bf16);
            }
        }
    }

    private void readTables(MemorySegment cosines, MemorySegment sines, long at, int half, boolean inverse) {
        Rows.read(cos, cosines, at, half, false);
        Rows.read(sin, sines, at, half, false);
        if (inverse) { Rows.scale(sin, half, -1f); }
    }

    /// `(lo, hi) = (lo cos - hi sin, hi cos + lo sin)`.
    private static void rotateHead(float[] row, int at, float[] cos, float[] sin, int half) {
        int whole = F.loopBound(half);
        for (int i = 0; i < whole; i += L) {
            var c = FloatVector.fromArray(F, cos, i);
            var s = FloatVector.fromArray(F, sin, i);
            var lo = FloatVector.fromArray(F, row, at + i);
            var hi = FloatVector.fromArray(F, row, at + half + i);
            hi.neg().fma(s, lo.mul(c)).intoArray(row, at + i);
            lo.fma(s, hi.mul(c)).intoArray(row, at + half + i);
        }
        for (int i = whole; i < half; i++) {
            float lo = row[at + i];
            float hi = row[at + half + i];
            row[at + i] = Math.fma(-hi, sin[i], lo * cos[i]);
            row[at + half + i] = Math.fma(lo, sin[i], hi * cos[i]);
        }
    }
}
