package dev.kintsugi.worker.train;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/// Finds losses far above those of the steps before: by median and median deviation, which single outliers do not move.
final class LossSpikes {
    private static final int WINDOW = 32;
    private static final int LEAST = 8;
    /// A median deviation times this is the standard deviation of normal numbers.
    private static final double DEVIATIONS = 1.4826;
    /// Of the median: losses that hardly differ are no reason to call the next one a spike.
    private static final double SCALE_LEAST = 0.01;

    private final double threshold;
    private final ArrayDeque<Double> recent;

    /// @param threshold 0: nothing is a spike, and nothing is remembered
    /// @param recent of the steps applied last, oldest first
    LossSpikes(double threshold, Collection<Double> recent) {
        this.threshold = threshold;
        this.recent = new ArrayDeque<>(threshold == 0 ? List.of() : recent);
    }

    /// How many standard deviations a loss lies above the median, or 0 while there are too few to tell.
    double score(double loss) {
        if (recent.size() < LEAST) { return 0; }
        double median = median(recent.stream().mapToDouble(x -> x).toArray());
        double deviation = median(recent.stream().mapToDouble(x -> Math.abs(x - median)).toArray());
        return (loss - median) / Math.max(DEVIATIONS * deviation, SCALE_LEAST * Math.abs(median));
    }

    boolean isSpike(double loss) {
        return threshold > 0 && score(loss) > threshold;
    }

    /// The loss of a step that was applied.
    void add(double loss) {
        if (threshold == 0) { return; }
        recent.add(loss);
        if (recent.size() > WINDOW) { recent.remove(); }
    }

    /// After a rollback losses may be higher again.
    void forget() {
        recent.clear();
    }

    List<Double> recent() {
        return List.copyOf(recent);
    }

    private static double median(double[] values) {
        Arrays.sort(values);
        int half = values.length / 2;
        return values.length % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    }
}
