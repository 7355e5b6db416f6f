package dev.kintsugi.sharding.estimate;

import java.util.Map;

/// How long a rank is in each phase of a step: measured, or predicted by [PhaseRates#seconds].
///
/// @param byPhase every phase
/// @param waiting for other ranks, in all phases together
public record StepSeconds(Map<StepPhase, Double> byPhase, double waiting) {
    public StepSeconds {
        byPhase = Map.copyOf(byPhase);
    }

    public double of(StepPhase phase) {
        return byPhase.get(phase);
    }

    public double working() {
        double sum = 0;
        for (StepPhase phase : StepPhase.values()) { sum += of(phase); }
        return sum;
    }

    public double step() {
        return working() + waiting;
    }
}
