package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.plan.ShardPlan;
import java.util.Arrays;

/// How large the last update of each parameter was on this rank, for optimizers whose slots do not tell.
final class SquaredUpdates {
    private final double[][] sums;

    SquaredUpdates(ShardPlan plan) {
        sums = plan.units().stream().map(u -> new double[u.parameters().size()]).toArray(double[][]::new);
        for (double[] unit : sums) { Arrays.fill(unit, Double.NaN); }
    }

    void set(int unit, int parameter, double squares) {
        sums[unit][parameter] = squares;
    }

    /// NaN before the first update.
    double get(int unit, int parameter) {
        return sums[unit][parameter];
    }
}
