package dev.kintsugi.worker.optim;

/// Learning rate by step, with the names and formulas of Transformers' schedulers. Step k counts from 0; warm-up climbs linearly
/// from 0 over the first `warmupSteps`.
///
/// @param maxSteps length of the run; `linear` and `cosine` reach 0 there
public record LearningRateSchedule(Kind kind, double peak, long warmupSteps, long maxSteps) {
    public enum Kind {
        LINEAR, COSINE, CONSTANT, CONSTANT_WITH_WARMUP;

        /// @throws IllegalArgumentException names the known ones
        public static Kind of(String name) {
            return switch (name) {
                case "linear" -> LINEAR;
                case "cosine" -> COSINE;
                case "constant" -> CONSTANT;
                case "constant_with_warmup" -> CONSTANT_WITH_WARMUP;
                default -> throw new IllegalArgumentException(
                        "lr_scheduler_type=%s is unknown; use linear, cosine, constant or constant_with_warmup".formatted(name));
            };
        }
    }

    /// The number of warm-up steps that flags ask for: `warmupSteps` as it is, or as a ratio when it lies in (0, 1); else the ratio.
    public static long warmupSteps(double warmupSteps, double warmupRatio, long maxSteps) {
        if (warmupSteps >= 1) { return (long) Math.ceil(warmupSteps); }
        return (long) Math.ceil(maxSteps * (warmupSteps > 0 ? warmupSteps : warmupRatio));
    }

    /// The rate of step `k`.
    public double at(long k) {
        return peak * factor(k);
    }

    private double factor(long k) {
        if (kind == Kind.CONSTANT) { return 1; }
        if (k < warmupSteps) { return (double) k / Math.max(1, warmupSteps); }
        double remaining = Math.max(1, maxSteps - warmupSteps);
        return switch (kind) {
            case LINEAR -> Math.max(0, (maxSteps - k) / remaining);
            case COSINE -> Math.max(0, 0.5 * (1 + StrictMath.cos(Math.PI * ((k - warmupSteps) / remaining))));
            case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
        };
    }
}
