package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.optimizer.StateShard;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.ShardBuffers;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Adafactor's second moments of one unit on one rank, for one update.
///
/// ```
/// row = kept row + (1 - kept)(mean of g^2 over the row + eps)     column likewise     u = g / sqrt(row / mean of all rows * column)
/// ```
final class FactoredMoments {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final double EPSILON = 1e-30;
    private static final double UNIT = 0x1p40;      // of sums of means, so that EPSILON counts in them
    private static final int ROWS = 0;
    private static final int COLUMNS = 1;
    private static final int VECTOR = 2;

    private final ShardBuffers state;
    private final UnitPlan unit;
    private final double kept;
    private final double gradScale;

    /// @param kept of the moments so far
    FactoredMoments(ShardBuffers state, UnitPlan unit, double kept, double gradScale) {
        this.state = state;
        this.unit = unit;
        this.kept = kept;
        this.gradScale = gradScale;
    }

    private MemorySegment moments(int slot, int parameter) {
        for (StateShard s : StateShard.of(state.optimizer().slots().get(slot), unit, state.rank())) {
            if (s.parameter() == parameter) { return state.slots().get(slot).get(unit.index()).asSlice(s.offsetBytes(), s.bytes()); }
        }
        throw new AssertionError("parameter %d of %s has no slot %d".formatted(parameter, unit.name(), slot));
    }

    private float next(float moment, double mean) {
        return (float) (kept * moment + (1 - kept) * (mean + EPSILON));
    }

    /// @param squares of each of this rank's rows of a matrix, summed
    /// @param total to which the rows' new moments are added
    void takeRows(int parameter, double[] squares, ExactSum total) {
        MemorySegment rows = moments(ROWS, parameter);
        double scale = gradScale * gradScale / unit.parameters().get(parameter).spec().rowNumel();
        for (int r = 0; r < rows.byteSize() / Float.BYTES; r++) {
            float moment = next(rows.getAtIndex(FLOAT, r), squares[r] * scale);
            rows.setAtIndex(FLOAT, r, moment);
            total.add(moment * UNIT);
        }
    }

    /// Every rank has all columns.
    void takeColumns(UnitSums sums) {
        for (int i = 0; i < unit.parameters().size(); i++) {
            var spec = unit.parameters().get(i).spec();
            if (!AdafactorOptimizer.isMatrix(spec)) { continue; }
            MemorySegment columns = moments(COLUMNS, i);
            double scale = gradScale * gradScale / spec.rows();
            for (int c = 0; c < columns.byteSize() / Float.BYTES; c++) {
                columns.setAtIndex(FLOAT, c, next(columns.getAtIndex(FLOAT, c), sums.column(i, c) * scale));
            }
        }
    }

    /// @param g the rank's rows, which become the update
    /// @param total of the rows' moments, over all ranks
    void scaleMatrix(int parameter, Tensor g, ExactSum total) {
        MemorySegment rows = moments(ROWS, parameter);
        int columns = Math.toIntExact(g.dim(1));
        float[] columnFactors = reciprocalRoots(moments(COLUMNS, parameter), columns);
        double mean = total.toDouble() / UNIT / unit.parameters().get(parameter).spec().rows();
        float scale = (float) gradScale;
        float[] row = new float[columns];
        for (long r = 0; r < g.dim(0); r++) {
            float rowFactor = (float) (1 / Math.sqrt(rows.getAtIndex(FLOAT, r) / mean));
            long at = r * columns * Float.BYTES;
            MemorySegment.copy(g.data(), FLOAT, at, row, 0, columns);
            for (int c = 0; c < columns; c++) { row[c] = rowFactor * columnFactors[c] * (row[c] * scale); }
            MemorySegment.copy(row, 0, g.data(), FLOAT, at, columns);
        }
    }

    private static float[] reciprocalRoots(MemorySegment moments, int n) {
        var roots = new float[n];
        for (int i = 0; i < n; i++) { roots[i] = (float) (1 / Math.sqrt(moments.getAtIndex(FLOAT, i))); }
        return roots;
    }

    /// @param g the rank's elements, which become the update
    void scaleVector(int parameter, Tensor g) {
        MemorySegment moments = moments(VECTOR, parameter);
        float scale = (float) gradScale;
        for (long i = 0; i < g.numel(); i++) {
            float gradient = g.data().getAtIndex(FLOAT, i) * scale;
            float moment = next(moments.getAtIndex(FLOAT, i), (double) gradient * gradient);
            moments.setAtIndex(FLOAT, i, moment);
            g.data().setAtIndex(FLOAT, i, (float) (1 / Math.sqrt(moment)) * gradient);
        }
    }
}
