package dev.kintsugi.worker.kernel.cpu;

import static dev.kintsugi.worker.kernel.cpu.Lanes.F;
import static dev.kintsugi.worker.kernel.cpu.Lanes.FLOAT;
import static dev.kintsugi.worker.kernel.cpu.Lanes.L;
import static dev.kintsugi.worker.kernel.cpu.Lanes.SUMS;
import static dev.kintsugi.worker.kernel.cpu.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Sums of squares in f64, in the order that `Kernels#rowSumsOfSquares` fixes. An f32's square is exact in f64, so a fused
/// multiply-add rounds just as a multiplication and an addition do.
final class SquareSums {
    private static final VectorSpecies<Double> D = F.vectorShape().withLanes(double.class);

    private SquareSums() {}

    /// @param first row of out
    static void rows(double[] out, int first, MemorySegment g, long rows, long n) {
        double[] partial = new double[SUMS];
        for (int row = 0; row < rows; row++) { out[first + row] = row(g, row * n * 4, n, partial); }
    }

    private static double row(MemorySegment g, long at, long n, double[] partial) {
        long whole = Lanes.wholeSums(n);
        for (int slice = 0; slice < SUMS; slice += L) {
            var low = DoubleVector.zero(D);
            var high = DoubleVector.zero(D);
            for (long i = slice; i < whole; i += SUMS) {
                var x = load(g, at + i * 4);
                var lowX = (DoubleVector) x.convertShape(VectorOperators.F2D, D, 0);
                var highX = (DoubleVector) x.convertShape(VectorOperators.F2D, D, 1);
                low = lowX.fma(lowX, low);
                high = highX.fma(highX, high);
            }
            low.intoArray(partial, slice);
            high.intoArray(partial, slice + L / 2);
        }
        if (whole < n) { tail(g, at, whole, n, partial); }
        return pairwise(partial);
    }

    /// See [AdamWUpdate].
    private static void tail(MemorySegment g, long at, long whole, long n, double[] partial) {
        for (long i = whole; i < n; i++) {
            double x = g.get(FLOAT, at + i * 4);
            partial[(int) (i - whole)] += x * x;
        }
    }

    private static double pairwise(double[] partial) {
        for (int half = SUMS / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) { partial[i] += partial[i + half]; }
        }
        return partial[0];
    }
}
