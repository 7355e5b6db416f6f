package dev.kintsugi.sharding.optimizer;

import java.util.List;
import java.util.OptionalDouble;

/// How the learning rate goes over a run, as a factor of its peak: the schedules of Transformers, under its names and with its formulas.
public sealed interface RateShape {
    /// What `--lr_scheduler_type` may be.
    List<String> NAMES = List.of("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
            "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay");

    /// The same rate throughout, without a warm-up.
    record Constant() implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            return 1;
        }
    }

    record ConstantWithWarmup() implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            return k < warmup ? rise(k, warmup) : 1;
        }
    }

    record Linear() implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            return k < warmup ? rise(k, warmup) : Math.max(0, (maxSteps - k) / rest(warmup, maxSteps));
        }
    }

    /// @param least where the cosine ends, as a factor
    record Cosine(double cycles, double least) implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            return k < warmup ? rise(k, warmup) : Math.max(0, between(least, wave(cycles, (k - warmup) / rest(warmup, maxSteps))));
        }
    }

    /// Falls to 0 `cycles` times, and begins each time at the peak.
    record CosineWithRestarts(double cycles) implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            if (k < warmup) { return rise(k, warmup); }
            double progress = (k - warmup) / rest(warmup, maxSteps);
            return progress >= 1 ? 0 : Math.max(0, 0.5 * (1 + StrictMath.cos(Math.PI * (cycles * progress % 1.0))));
        }
    }

    /// @param firstRate in the first step, as a factor; absent: a share of the warm-up
    record CosineWarmup(double cycles, double least, OptionalDouble firstRate) implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            if (k >= warmup) { return Math.max(0, between(least, wave(cycles, (k - warmup + 1.0) / rest(warmup, maxSteps)))); }
            if (firstRate.isEmpty()) { return (k + 1.0) / Math.max(1, warmup); }
            return firstRate.getAsDouble() + (1 - firstRate.getAsDouble()) * k / Math.max(1, warmup - 1);
        }
    }

    /// @param end as a factor
    record Polynomial(double end, double power) implements RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            if (k < warmup) { return rise(k, warmup); }
            if (k > maxSteps) { return end; }
            return (1 - end) * StrictMath.pow(1 - (k - warmup) / rest(warmup, maxSteps), power) + end;
        }
    }

    /// @param timescale absent: the warm-up, or 10,000 where there is none
    record InverseSqrt(OptionalDouble timescale) implements RateShape {
        private static final double WITHOUT_WARMUP = 10_000;

        @Override
        public double factor(long k, long warmup, long maxSteps) {
            if (k < warmup) { return rise(k, warmup); }
            double scale = timescale.orElse(warmup == 0 ? WITHOUT_WARMUP : warmup);
            return 1 / Math.sqrt((k + (scale - warmup)) / scale);
        }
    }

    /// @param stableSteps absent: what warm-up and decay leave of the run
    /// @param least where warm-up begins and decay ends, as a factor
    record WarmupStableDecay(Ramp warmupRamp, OptionalDouble stableSteps, double decaySteps, Ramp decayRamp, double cycles, double least)
            implements
                RateShape {
        @Override
        public double factor(long k, long warmup, long maxSteps) {
            if (k < warmup) { return Math.max(0, between(least, warmupRamp.up((double) k / Math.max(1, warmup)))); }
            double stable = warmup + stableSteps.orElse(maxSteps - warmup - decaySteps);
            if (k < stable) { return 1; }
            if (k >= stable + decaySteps) { return least; }
            return Math.max(0, between(least, decayRamp.down((k - stable) / Math.max(1, decaySteps), cycles)));
        }
    }

    /// A way between 0 and 1.
    enum Ramp {
        LINEAR, COSINE, ROOT;

        static Ramp of(String argument, String name) {
            return switch (name) {
                case "linear" -> LINEAR;
                case "cosine" -> COSINE;
                case "1-sqrt" -> ROOT;
                default -> throw new IllegalArgumentException("--lr_scheduler_kwargs %s=%s is unknown; use one of linear, cosine, 1-sqrt"
                        .formatted(argument, name));
            };
        }

        double up(double progress) {
            return switch (this) {
                case LINEAR -> progress;
                case COSINE -> 0.5 * (1 - StrictMath.cos(Math.PI * progress));
                case ROOT -> 1 - Math.sqrt(1 - progress);
            };
        }

        double down(double progress, double cycles) {
            return switch (this) {
                case LINEAR -> 1 - progress;
                case COSINE -> wave(cycles, progress);
                case ROOT -> 1 - Math.sqrt(progress);
            };
        }
    }

    /// Of the peak, in step k, which counts from 0.
    double factor(long k, long warmup, long maxSteps);

    private static double rise(long k, long warmup) {
        return (double) k / Math.max(1, warmup);
    }

    private static double rest(long warmup, long maxSteps) {
        return Math.max(1, maxSteps - warmup);
    }

    private static double wave(double cycles, double progress) {
        return 0.5 * (1 + StrictMath.cos(Math.PI * cycles * 2.0 * progress));
    }

    private static double between(double least, double factor) {
        return factor * (1 - least) + least;
    }

    /// @param peak the highest rate, in whose unit shapes are given
    /// @param kwargs `--lr_scheduler_kwargs`
    /// @throws IllegalArgumentException one sentence: which flag is wrong, and what it may be
    static RateShape of(String name, String kwargs, double peak) {
        var args = KeywordArgs.parse("--lr_scheduler_kwargs", "--lr_scheduler_type " + name, kwargs);
        RateShape shape = switch (name) {
            case "constant" -> new Constant();
            case "constant_with_warmup" -> new ConstantWithWarmup();
            case "linear" -> new Linear();
            case "cosine" -> new Cosine(args.number("num_cycles", 0.5), 0);
            case "cosine_with_restarts" -> new CosineWithRestarts(args.number("num_cycles", 1));
            case "cosine_with_min_lr" -> new Cosine(args.number("num_cycles", 0.5), least(name, args, peak));
            case "cosine_warmup_with_min_lr" -> new CosineWarmup(args.number("num_cycles", 0.5), least(name, args, peak), args.number("warmup_lr_rate"));
            case "polynomial" -> polynomial(args, peak);
            case "inverse_sqrt" -> new InverseSqrt(args.number("timescale"));
            case "warmup_stable_decay" -> new WarmupStableDecay(Ramp.of("warmup_type", args.text("warmup_type", "linear")),
                    args.number("num_stable_steps"), args.number("num_decay_steps").orElseThrow(() -> new IllegalArgumentException(
                            "--lr_scheduler_type warmup_stable_decay needs --lr_scheduler_kwargs num_decay_steps=STEPS")),
                    Ramp.of("decay_type", args.text("decay_type", "cosine")), args.number("num_cycles", 0.5), args.number("min_lr_ratio", 0));
            case "reduce_lr_on_plateau", "greedy" -> throw new IllegalArgumentException(
                    "--lr_scheduler_type=%s goes by evaluations, which do not change rates here; use one of %s".formatted(name, String.join(", ", NAMES)));
            default -> throw new IllegalArgumentException("--lr_scheduler_type=%s is unknown; use one of %s".formatted(name, String.join(", ", NAMES)));
        };
        args.requireAllUsed();
        return shape;
    }

    private static double least(String name, KeywordArgs args, double peak) {
        OptionalDouble rate = args.number("min_lr");
        OptionalDouble factor = args.number("min_lr_rate");
        if (rate.isPresent() == factor.isPresent()) {
            throw new IllegalArgumentException("--lr_scheduler_type %s needs one of --lr_scheduler_kwargs min_lr=RATE and min_lr_rate=FACTOR".formatted(name));
        }
        return rate.isEmpty() ? factor.getAsDouble() : peak == 0 ? 0 : rate.getAsDouble() / peak;
    }

    private static RateShape polynomial(KeywordArgs args, double peak) {
        double end = args.number("lr_end", 1e-7);
        if (end >= peak) {
            throw new IllegalArgumentException("--lr_scheduler_kwargs lr_end=%s must be below --learning_rate=%s".formatted(end, peak));
        }
        return new Polynomial(end / peak, args.number("power", 1));
    }
}
