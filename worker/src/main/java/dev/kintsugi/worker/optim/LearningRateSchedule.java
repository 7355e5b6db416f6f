package dev.kintsugi.worker.optim;

import dev.kintsugi.sharding.optimizer.RateShape;

/// Learning rate by step. Step k counts from 0.
///
/// @param maxSteps length of the run
public record LearningRateSchedule(RateShape shape, double peak, long warmupSteps, long maxSteps) {
    /// The number of warm-up steps that flags ask for: `warmupSteps` as it is, or as a ratio when it lies in (0, 1); else the ratio.
    public static long warmupSteps(double warmupSteps, double warmupRatio, long maxSteps) {
        if (warmupSteps >= 1) { return (long) Math.ceil(warmupSteps); }
        return (long) Math.ceil(maxSteps * (warmupSteps > 0 ? warmupSteps : warmupRatio));
    }

    /// The rate of step `k`.
    public double at(long k) {
        return peak * shape.factor(k, warmupSteps, maxSteps);
    }
}
