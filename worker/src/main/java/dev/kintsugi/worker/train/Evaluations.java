package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.manifest.BestEvaluation;
import java.util.Optional;
import java.util.function.Supplier;

/// Evaluates when it is due, remembers the best, and says when it has been long enough without a better one: as Transformers' `Trainer` does, and its
/// `EarlyStoppingCallback`. All ranks come to the same results.
final class Evaluations {
    private final JobSpec spec;
    private final long samples;
    private final Supplier<Evaluated> evaluation;
    private Optional<BestEvaluation> best;
    private boolean better;

    /// @param samples of the training data, which an epoch is made of
    /// @param evaluation null where none is wanted
    /// @param best empty before the first one
    Evaluations(JobSpec spec, long samples, Supplier<Evaluated> evaluation, Optional<BestEvaluation> best) {
        this.spec = spec;
        this.samples = samples;
        this.evaluation = evaluation;
        this.best = best;
    }

    /// @param last whether no step follows
    /// @return empty if none was due after this step
    Optional<Evaluated> after(Progress before, Progress now, boolean last) {
        better = false;
        if (evaluation == null || !last && !isDue(before, now)) { return Optional.empty(); }
        Evaluated evaluated = evaluation.get();
        if (Double.isFinite(evaluated.getLoss())) { weigh(now.steps(), evaluated.getLoss()); }
        return Optional.of(evaluated);
    }

    private boolean isDue(Progress before, Progress now) {
        return switch (spec.getEvalStrategy()) {
            case "steps" -> now.steps() % spec.getEvalSteps() == 0;
            case "epoch" -> now.samples() / samples > before.samples() / samples;
            default -> throw new IllegalArgumentException("eval_strategy=%s".formatted(spec.getEvalStrategy()));
        };
    }

    /// A little better is better, but it does not make early stopping wait longer.
    private void weigh(long step, double metric) {
        double gain = best.map(b -> spec.getGreaterIsBetter() ? metric - b.metric() : b.metric() - metric).orElse(Double.POSITIVE_INFINITY);
        int stale = gain > 0 && gain > spec.getEarlyStoppingThreshold() ? 0 : best.orElseThrow().stale() + 1;
        better = gain > 0;
        best = Optional.of(better ? new BestEvaluation(step, metric, stale) : new BestEvaluation(best.get().step(), best.get().metric(), stale));
    }

    /// Of the whole run.
    Optional<BestEvaluation> best() {
        return best;
    }

    /// Whether the last step's has to be saved because it was the best, and the job wants the best.
    boolean savesBest() {
        return better && spec.getLoadBestModelAtEnd();
    }

    boolean stopsEarly() {
        return spec.hasEarlyStoppingPatience() && best.map(b -> b.stale() >= spec.getEarlyStoppingPatience()).orElse(false);
    }
}
