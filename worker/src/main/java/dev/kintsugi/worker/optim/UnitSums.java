package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.plan.ParameterPlan;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.memory.Tensor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;

/// What [AdafactorOptimizer] sums over all ranks for the parameters of one unit: exactly, so that it does not matter which rank has which rows.
final class UnitSums {
    private final ShardPlan plan;
    private final boolean counts;
    private final Exchange group;
    private final double[] high;            // of the columns of all matrices of the unit
    private final double[] low;
    private final int[] firstColumn;        // of each parameter
    private ColumnSums[] columnSums;
    private ExactSum[] rowMeans;
    private ExactSum[] squares;
    private UnitPlan unit;

    /// Ranks that hold the same rows have the same sums: only those of the first copy add them.
    UnitSums(ShardPlan plan, int rank, Exchange group) {
        this.plan = plan;
        this.counts = plan.sharding().isFirstReplica(rank);
        this.group = group;
        this.high = new double[plan.units().stream().mapToInt(UnitSums::columns).max().orElse(0)];
        this.low = new double[high.length];
        this.firstColumn = new int[plan.units().stream().mapToInt(u -> u.parameters().size()).max().orElse(0)];
    }

    private static int columns(UnitPlan unit) {
        return Math.toIntExact(unit.parameters().stream().filter(UnitSums::isMatrix).mapToLong(p -> p.spec().rowNumel()).sum());
    }

    private static boolean isMatrix(ParameterPlan p) {
        return AdafactorOptimizer.isMatrix(p.spec());
    }

    /// @param bound at least the sum of squares of all gradients
    void begin(UnitPlan next, double bound) {
        unit = next;
        Arrays.fill(high, 0);
        Arrays.fill(low, 0);
        int parameters = unit.parameters().size();
        columnSums = new ColumnSums[parameters];
        rowMeans = sums(parameters);
        squares = sums(parameters);
        int first = 0;
        for (int i = 0; i < parameters; i++) {
            ParameterPlan p = unit.parameters().get(i);
            firstColumn[i] = first;
            if (!isMatrix(p)) { continue; }
            int width = Math.toIntExact(p.spec().rowNumel());
            columnSums[i] = new ColumnSums(bound, p.spec().rows(), width);
            first += width;
        }
    }

    private static ExactSum[] sums(int n) {
        return Stream.generate(ExactSum::new).limit(n).toArray(ExactSum[]::new);
    }

    /// Of the means of a matrix's rows; before the exchange this rank's.
    ExactSum rowMeans(int parameter) {
        return rowMeans[parameter];
    }

    /// Of a parameter's update; before the exchange this rank's.
    ExactSum squares(int parameter) {
        return squares[parameter];
    }

    void addColumns(int parameter, Tensor rows) {
        if (counts) { columnSums[parameter].add(high, low, firstColumn[parameter], rows); }
    }

    /// The sum of squares of a column, over all rows.
    double column(int parameter, int column) {
        int at = firstColumn[parameter] + column;
        return high[at] + low[at];
    }

    void exchangeStatistics() {
        rowMeans = exchange("row means", rowMeans);
        exchange(high);
        exchange(low);
    }

    private void exchange(double[] columns) {
        int used = columns(unit);
        for (int from = 0; from < used; from += Exchange.BYTES_MAX / Double.BYTES) {
            exchange(columns, from, Math.min(used, from + Exchange.BYTES_MAX / Double.BYTES));
        }
    }

    private void exchange(double[] columns, int from, int to) {
        ByteBuffer mine = ByteBuffer.allocate((to - from) * Double.BYTES);
        for (int i = from; i < to; i++) { mine.putDouble(columns[i]); }
        Arrays.fill(columns, from, to, 0);
        for (byte[] part : group.exchange("columns", mine.array())) {
            ByteBuffer buffer = ByteBuffer.wrap(part);
            for (int i = from; i < to; i++) { columns[i] += buffer.getDouble(); }
        }
    }

    void exchangeSquares() {
        squares = exchange("squares", squares);
    }

    private ExactSum[] exchange(String what, ExactSum[] mine) {
        ByteBuffer message = ByteBuffer.allocate(mine.length * ExactSum.BYTES);
        for (ExactSum s : mine) { message.put((counts ? s : new ExactSum()).toBytes()); }
        ExactSum[] all = sums(mine.length);
        for (byte[] part : group.exchange(what, message.array())) {
            ByteBuffer buffer = ByteBuffer.wrap(part);
            for (ExactSum s : all) { s.add(ExactSum.read(buffer)); }
        }
        return all;
    }

}
