package dev.kintsugi.client.report;

import dev.kintsugi.proto.v1.StepMetrics;

/// How fast steps go, as a moving average, for the time that is left. Reads no clock: the ranks measured the steps.
final class Pace {
    private static final double NEWEST_WEIGHT = 0.1;
    private double secondsPerStep = Double.NaN;

    void add(StepMetrics step) {
        secondsPerStep = Double.isNaN(secondsPerStep)
                ? step.getStepSeconds()
                : (1 - NEWEST_WEIGHT) * secondsPerStep + NEWEST_WEIGHT * step.getStepSeconds();
    }

    /// @return seconds; NaN before the first step
    double remainingSeconds(long step, long maxSteps) {
        return secondsPerStep * Math.max(0, maxSteps - step);
    }
}
