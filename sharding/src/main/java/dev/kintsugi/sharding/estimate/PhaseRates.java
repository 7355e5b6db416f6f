package dev.kintsugi.sharding.estimate;

import java.util.EnumMap;
import java.util.Map;

/// How fast a machine is at each phase of a step: amounts of [StepWork] a second, of a rank that has a core (or its threads' cores) to itself while
/// the machine's other cores do the same.
///
/// @param perSecond operations or bytes
/// @param waitShare seconds of waiting for other ranks, a second of work
public record PhaseRates(Map<StepPhase, Double> perSecond, double waitShare) {
    public PhaseRates {
        perSecond = Map.copyOf(perSecond);
        for (StepPhase phase : StepPhase.values()) {
            if (!(perSecond.getOrDefault(phase, 0.0) > 0)) {
                throw new IllegalArgumentException("rate of %s is %s; it must be above 0".formatted(phase.key(), perSecond.get(phase)));
            }
        }
        if (!(waitShare >= 0)) { throw new IllegalArgumentException("waitShare=%s; must be at least 0".formatted(waitShare)); }
    }

    /// From a run whose work and seconds are both known.
    public static PhaseRates of(StepWork work, StepSeconds seconds) {
        var rates = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { rates.put(phase, work.amount(phase) / seconds.of(phase)); }
        return new PhaseRates(rates, seconds.waiting() / seconds.working());
    }

    /// How long a step with this work takes.
    ///
    /// @param ranksPerCore more than 1 when ranks share cores: each then gets that much less of one
    public StepSeconds seconds(StepWork work, double ranksPerCore) {
        double slowdown = Math.max(1, ranksPerCore);
        var seconds = new EnumMap<StepPhase, Double>(StepPhase.class);
        for (StepPhase phase : StepPhase.values()) { seconds.put(phase, slowdown * work.amount(phase) / perSecond.get(phase)); }
        double working = seconds.values().stream().mapToDouble(s -> s).sum();
        return new StepSeconds(seconds, working * waitShare);
    }
}
