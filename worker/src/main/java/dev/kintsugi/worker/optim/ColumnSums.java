package dev.kintsugi.worker.optim;

import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Sums of squares of a matrix's columns, whose bits do not depend on how its rows are shared out.
///
/// Each square is split into a multiple of a unit, small enough that all of them can be added without rounding, and the rest, which is split
/// likewise (Rump, Ogita and Oishi 2008, *Accurate floating-point summation part I*, section 3). So both sums are exact, in whatever order they are
/// made, and what is left out is below 2^-85 of the bound.
final class ColumnSums {
    private final double coarse;
    private final double fine;
    private final float[] row;

    /// @param bound at least the sum of all squares of the matrix, on all ranks
    /// @param rows of the whole matrix
    /// @param columns of the widest that will be added
    ColumnSums(double bound, long rows, int columns) {
        int exponent = Math.getExponent(Math.max(bound, Double.MIN_NORMAL)) + 2;
        int terms = 64 - Long.numberOfLeadingZeros(rows);
        coarse = Math.scalb(1.0, exponent);
        fine = Math.scalb(1.0, exponent - 52 + terms);
        row = new float[columns];
    }

    /// Adds to both sums of each column.
    ///
    /// @param high coarse sums, column c's at `first + c`
    /// @param low the fine ones
    void add(double[] high, double[] low, int first, Tensor g) {
        int columns = Math.toIntExact(g.dim(1));
        for (long r = 0; r < g.dim(0); r++) {
            MemorySegment.copy(g.data(), ValueLayout.JAVA_FLOAT, r * columns * Float.BYTES, row, 0, columns);
            for (int c = 0; c < columns; c++) {
                double square = (double) row[c] * row[c];
                double most = (coarse + square) - coarse;
                high[first + c] += most;
                low[first + c] += (fine + (square - most)) - fine;
            }
        }
    }
}
