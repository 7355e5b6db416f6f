package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.exact.ExactSum;
import dev.kintsugi.sharding.plan.RowShard;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.sharding.plan.UnitPlan;
import dev.kintsugi.worker.kernel.Kernels;
import dev.kintsugi.worker.memory.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// The squared norm of a rank's gradient shards, as an exact sum of per-row sums: adding the ranks' sums gives the same bits
/// for every world size.
public final class GradientNorm {
    private final Kernels kernels;
    private final double[] rowSums;

    public GradientNorm(Kernels kernels, ShardPlan plan, int rank) {
        this.kernels = kernels;
        this.rowSums = new double[Math.toIntExact(plan.units().stream().flatMap(u -> u.rowShards(rank).stream())
                .mapToLong(RowShard::rows).max().orElse(0))];
    }

    /// This rank's part of the squared norm. Replicas hold equal gradients, so each counts some of the units: together every row once.
    public ExactSum squared(ShardPlan plan, int rank, List<MemorySegment> gradients) {
        var total = new ExactSum();
        for (UnitPlan unit : plan.units()) {
            if (unit.index() % plan.sharding().replicas() != plan.sharding().replica(rank)) { continue; }
            for (RowShard shard : unit.rowShards(rank)) {
                if (shard.rows() > 0) { addRows(total, gradients.get(unit.index()), shard); }
            }
        }
        return total;
    }

    private void addRows(ExactSum total, MemorySegment unitGradients, RowShard shard) {
        kernels.rowSumsOfSquares(rowSums, new Tensor(unitGradients.asSlice(shard.shardOffset() * DType.F32.bytes()), DType.F32,
                shard.rows(), shard.rowNumel()));
        for (int r = 0; r < shard.rows(); r++) { total.add(rowSums[r]); }
    }

    /// PyTorch's `clip_grad_norm_`: what gradients are multiplied by. `maxNorm` 0 turns clipping off.
    public static double clipCoefficient(double norm, double maxNorm) {
        return maxNorm == 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
    }
}
