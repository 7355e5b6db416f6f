package dev.kintsugi.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.kintsugi.proto.v1.Evaluated;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.manifest.BestEvaluation;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EvaluationsTest {
    private static final int SAMPLES = 10;

    @Test
    void shouldEvaluateEverySoManyStepsAndAtTheEnd() {
        assertThat(evaluatedSteps(steps(3).build(), 7, 4)).containsExactly(3L, 6L, 7L);
        assertThat(evaluatedSteps(JobSpec.newBuilder().setEvalStrategy("epoch").build(), 7, 4)).as("samples 12, 20 and 28").containsExactly(3L, 5L, 7L);
        assertThat(evaluatedSteps(JobSpec.newBuilder().setEvalStrategy("no").build(), 7, 4, null)).isEmpty();
    }

    @Test
    void shouldRememberTheBestAndWhetherItWasTheLast() {
        var evaluations = of(steps(1).setLoadBestModelAtEnd(true).build(), Optional.empty(), 3.0, 2.0, 2.5, Double.NaN, 2.0, 1.5);
        assertThat(run(evaluations, 6)).containsExactly("1 true", "2 true", "2 false", "2 false", "2 false", "6 true");
        assertThat(evaluations.best()).contains(new BestEvaluation(6, 1.5, 0));
    }

    @Test
    void shouldSaveTheBestOnlyWhereItIsWanted() {
        assertThat(run(of(steps(1).build(), Optional.empty(), 3.0, 2.0), 2)).containsExactly("1 false", "2 false");
    }

    @Test
    void shouldTakeTheGreatestWhereThatIsBetter() {
        var evaluations = of(steps(1).setGreaterIsBetter(true).build(), Optional.empty(), 3.0, 2.0, 4.0);
        run(evaluations, 3);
        assertThat(evaluations.best()).contains(new BestEvaluation(3, 4.0, 0));
    }

    /// As `EarlyStoppingCallback.check_metric_value`: a gain below the threshold makes it the best, but does not end the waiting.
    @Test
    void shouldStopAfterSoManyThatAreNotBetterByTheThreshold() {
        JobSpec spec = steps(1).setEarlyStoppingPatience(2).setEarlyStoppingThreshold(0.1).build();
        var evaluations = of(spec, Optional.empty(), 3.0, 2.95, 2.8, 2.75, 2.9);
        var stopped = new ArrayList<Boolean>();
        for (int step = 1; step <= 5; step++) {
            evaluations.after(progress(step - 1), progress(step), false);
            stopped.add(evaluations.stopsEarly());
        }
        assertThat(stopped).containsExactly(false, false, false, false, true);
        assertThat(evaluations.best()).contains(new BestEvaluation(4, 2.75, 2));
    }

    @Test
    void shouldGoOnFromWhatACheckpointRemembers() {
        JobSpec spec = steps(1).setEarlyStoppingPatience(3).build();
        var evaluations = of(spec, Optional.of(new BestEvaluation(7, 2.0, 2)), 2.5);
        assertThat(evaluations.stopsEarly()).isFalse();
        evaluations.after(progress(8), progress(9), false);
        assertThat(evaluations.stopsEarly()).isTrue();
        assertThat(of(spec, Optional.of(new BestEvaluation(7, 2.0, 3))).stopsEarly()).as("it had stopped when it was saved").isTrue();
    }

    private static JobSpec.Builder steps(int every) {
        return JobSpec.newBuilder().setEvalStrategy("steps").setEvalSteps(every);
    }

    private static Evaluations of(JobSpec spec, Optional<BestEvaluation> best, Double... losses) {
        Deque<Double> next = new ArrayDeque<>(List.of(losses));
        return new Evaluations(spec, SAMPLES, () -> Evaluated.newBuilder().setLoss(next.remove()).build(), best);
    }

    private static List<String> run(Evaluations evaluations, int steps) {
        var best = new ArrayList<String>();
        for (int step = 1; step <= steps; step++) {
            evaluations.after(progress(step - 1), progress(step), false);
            best.add("%d %s".formatted(evaluations.best().orElseThrow().step(), evaluations.savesBest()));
        }
        return best;
    }

    private static Progress progress(int step) {
        return new Progress(step, step, step, 0);
    }

    private static List<Long> evaluatedSteps(JobSpec spec, int steps, int samplesPerStep) {
        return evaluatedSteps(spec, steps, samplesPerStep, Evaluated.getDefaultInstance());
    }

    /// @param evaluated null for no evaluation
    private static List<Long> evaluatedSteps(JobSpec spec, int steps, int samplesPerStep, Evaluated evaluated) {
        var evaluations = new Evaluations(spec, SAMPLES, evaluated == null ? null : () -> evaluated, Optional.empty());
        var found = new ArrayList<Long>();
        for (long step = 1; step <= steps; step++) {
            var before = new Progress(step - 1, (step - 1) * samplesPerStep, 0, 0);
            var now = new Progress(step, step * samplesPerStep, 0, 0);
            if (evaluations.after(before, now, step == steps).isPresent()) { found.add(step); }
        }
        return found;
    }
}
