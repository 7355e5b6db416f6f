package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.ParameterSpec;
import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;

/// Adafactor (Shazeer and Stern 2018, algorithm 4) with the schedule's rate, as Transformers runs it.
///
/// A matrix's second moments are kept as means over its rows and over its columns; a vector's whole. What is taken over all rows of a matrix, the means
/// of columns, the mean of the rows' means, and the size of the update, is summed exactly over the ranks. A unit takes three passes over its gradients,
/// which become the update on the way, and two exchanges between the ranks.
final class AdafactorOptimizer implements Optimizer {
    private static final double DECAY_EXPONENT = -0.8;

    private final Kernels kernels;
    private final OptimizerSettings.Adafactor settings;
    private final ShardPlan plan;
    private final int rank;
    private final UnitSums sums;
    private final double[] rowSums;
    private final SquaredUpdates squares;

    AdafactorOptimizer(Kernels kernels, OptimizerSettings.Adafactor settings, ShardPlan plan, int rank, Exchange group) {
        this.kernels = kernels;
        this.settings = settings;
        this.plan = plan;
        this.rank = rank;
        this.sums = new UnitSums(plan, rank, group);
        this.rowSums = new double[Math.toIntExact(plan.units().stream().flatMap(u -> u.rowShards(rank).stream()).mapToLong(RowShard::rows).max().orElse(0))];
        this.squares = new SquaredUpdates(plan);
    }

    @Override
    public void update(ShardBuffers state, List<MemorySegment> gradients, Update update, IntConsumer beforeUnit) {
        double kept = 1 - StrictMath.pow(update.number(), DECAY_EXPONENT);
        for (UnitPlan unit : plan.units()) {
            beforeUnit.accept(unit.index());
            var moments = new FactoredMoments(state, unit, kept, update.gradScale());
            MemorySegment g = gradients.get(unit.index());
            sums.begin(unit, update.gradNorm() * update.gradNorm());
            Shards.each(state, unit, (_, i, spec, shard) -> addStatistics(moments, g, i, spec, shard));
            sums.exchangeStatistics();
            moments.takeColumns(sums);
            Shards.each(state, unit, (_, i, spec, shard) -> makeUpdate(moments, g, i, spec, shard));
            sums.exchangeSquares();
            Shards.each(state, unit, (u, i, spec, shard) -> apply(state, g, u, i, spec, shard, update));
        }
    }

    private void addStatistics(FactoredMoments moments, MemorySegment g, int i, ParameterSpec spec, RowShard shard) {
        if (!isMatrix(spec)) { return; }
        kernels.rowSumsOfSquares(rowSums, Shards.matrix(g, shard));
        moments.takeRows(i, rowSums, sums.rowMeans(i));
        sums.addColumns(i, Shards.matrix(g, shard));
    }

    /// The gradients become the update, but for the rate.
    private void makeUpdate(FactoredMoments moments, MemorySegment g, int i, ParameterSpec spec, RowShard shard) {
        if (isMatrix(spec)) {
            moments.scaleMatrix(i, Shards.matrix(g, shard), sums.rowMeans(i));
        } else {
            moments.scaleVector(i, Shards.view(g, shard));
        }
        kernels.rowSumsOfSquares(rowSums, Shards.matrix(g, shard));
        ExactSum total = sums.squares(i);
        for (int r = 0; r < shard.rows(); r++) { total.add(rowSums[r]); }
    }

    /// At most 1 in the quadratic mean.
    private void apply(ShardBuffers state, MemorySegment g, int u, int i, ParameterSpec spec, RowShard shard, Update update) {
        double size = Math.sqrt(sums.squares(i).toDouble() / spec.numel());
        var step = new Kernels.Sgd(update.learningRate(), 0, 1, false, spec.decay() ? settings.weightDecay() : 0, 1 / Math.max(1, size));
        squares.set(u, i, kernels.sgd(Shards.view(state.parameters().get(u), shard), null, Shards.view(g, shard), step));
    }

    static boolean isMatrix(ParameterSpec spec) {
        return spec.shape().size() > 1;
    }

    @Override
    public double squaredUpdate(ShardBuffers state, int unit, int parameter, long last, double learningRate) {
        return squares.get(unit, parameter);
    }
}
