package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;
import static dev.kintsugi.worker.kernel.cpu.Lanes.whole;

import java.lang.foreign.MemorySegment;

/// Rotary position embedding (Su et al. 2021), element i of a head paired with element `i + D / 2`.
final class Rotary {
    private Rotary() {}

    static void rotate(MemorySegment x, MemorySegment cos, MemorySegment sin, long firstPosition, boolean inverse, long B, long T,
            long H, long D) {
        float sign = inverse ? -1f : 1f;
        for (long b = 0; b < B; b++) {
            for (long t = 0; t < T; t++) {
                long angles = (firstPosition + t) * (D / 2) * 4;
                for (long h = 0; h < H; h++) { rotateHead(x, ((b * T + t) * H + h) * D * 4, cos, sin, angles, sign, D / 2); }
            }
        }
    }

    /// `(lo, hi) = (lo cos - hi sin, hi cos + lo sin)`; `at` and `angles` in bytes.
    private static void rotateHead(MemorySegment x, long at, MemorySegment cos, MemorySegment sin, long angles, float sign,
            long half) {
        long whole = whole(half);
        long hiAt = at + half * 4;
        for (long i = 0; i < whole; i += L) {
            var c = load(cos, angles + i * 4);
            var s = load(sin, angles + i * 4).mul(sign);
            var lo = load(x, at + i * 4);
            var hi = load(x, hiAt + i * 4);
            store(hi.neg().fma(s, lo.mul(c)), x, at + i * 4);
            store(lo.fma(s, hi.mul(c)), x, hiAt + i * 4);
        }
        for (long i = whole; i < half; i++) {
            float c = cos.get(FLOAT, angles + i * 4);
            float s = sin.get(FLOAT, angles + i * 4) * sign;
            float lo = x.get(FLOAT, at + i * 4);
            float hi = x.get(FLOAT, hiAt + i * 4);
            x.set(FLOAT, at + i * 4, Math.fma(-hi, s, lo * c));
            x.set(FLOAT, hiAt + i * 4, Math.fma(lo, s, hi * c));
        }
    }
}
