package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;
import static dev.kintsugi.worker.kernel.cpu.Lanes.splat;
import static dev.kintsugi.worker.kernel.cpu.Lanes.store;

import java.lang.foreign.MemorySegment;

/// What attention does to a row of a tile of scores, of which a query sees the `seen` first. Offsets are bytes.
final class ScoreRow {
    private ScoreRow() {}

    /// `x[i] = exp(x[i] scale - shift)` where seen, 0 in the rest of `columns`.
    ///
    /// @param partial working space
    /// @return the sum of the row
    static float exponentials(MemorySegment x, long at, int seen, int columns, float scale, float shift, float[] partial) {
        int whole = columns & -SUMS;
        for (int slice = 0; slice < SUMS; slice += L) {
            var sum = splat(0f);
            for (int i = slice; i < whole; i += SUMS) {
                var y = splat(0f);
                if (i < seen) {
                    y = Exp.exp(load(x, at + i * 4L).fma(splat(scale), splat(-shift)));
                    if (i + L > seen) { y = y.blend(0f, F.indexInRange(i, seen).not()); }
                }
                store(y, x, at + i * 4L);
                sum = sum.add(y);
            }
            sum.intoArray(partial, slice);
        }
        for (int i = whole; i < columns; i++) {
            float y = i < seen ? Exp.exp(Math.fma(x.get(FLOAT, at + i * 4L), scale, -shift)) : 0f;
            x.set(FLOAT, at + i * 4L, y);
            partial[i - whole] += y;
        }
        return Lanes.pairwise(partial);
    }

    /// `p = scale p (dp - delta)`: the gradient of scores from their probabilities and the probabilities' gradient.
    static void gradients(MemorySegment p, MemorySegment dp, long at, int columns, float delta, float scale) {
        long whole = Lanes.whole(columns);
        for (long i = 0; i < whole; i += L) {
            store(load(p, at + i * 4).mul(scale).mul(load(dp, at + i * 4).sub(delta)), p, at + i * 4);
        }
        for (long i = whole; i < columns; i++) {
            p.set(FLOAT, at + i * 4, p.get(FLOAT, at + i * 4) * scale * (dp.get(FLOAT, at + i * 4) - delta));
        }
    }
}
