package dev.kintsugi.client.picture;

import dev.kintsugi.client.service.CommandException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The loss of each step of a run, in the order of steps.
///
/// @param steps (n) strictly rising
/// @param losses (n) mean over the predicted tokens of the step, in nats
public record LossCurve(long[] steps, double[] losses) {
    public LossCurve {
        if (steps.length == 0 || steps.length != losses.length) {
            throw new IllegalArgumentException(
                    "steps=%d losses=%d; a curve has one loss for each step".formatted(steps.length, losses.length));
        }
    }

    /// A step that is there twice (of a run that was resumed) counts as it was last; a last line that is cut short does not count.
    ///
    /// @throws CommandException when there is no such file or no step in it
    public static LossCurve read(Path file) {
        TreeMap<Long, Double> losses = read(file, "loss");
        if (losses.isEmpty()) {
            throw new CommandException("%s holds no step yet; try again when the run has made one.".formatted(file));
        }
        return of(losses);
    }

    /// The losses of a run's evaluations, at the steps that they followed; empty where there are none.
    ///
    /// @throws CommandException when there is no such file
    public static Optional<LossCurve> readEvaluations(Path file) {
        TreeMap<Long, Double> losses = read(file, "eval_loss");
        return losses.isEmpty() ? Optional.empty() : Optional.of(of(losses));
    }

    private static LossCurve of(TreeMap<Long, Double> losses) {
        long[] steps = losses.keySet().stream().mapToLong(Long::longValue).toArray();
        double[] values = losses.values().stream().mapToDouble(Double::doubleValue).toArray();
        return new LossCurve(steps, values);
    }

    private static TreeMap<Long, Double> read(Path file, String field) {
        TreeMap<Long, Double> losses = new TreeMap<>();
        JsonMapper mapper = new JsonMapper();
        try {
            for (String line : Files.readAllLines(file)) {
                add(line, field, mapper, losses);
            }
        } catch (IOException e) {
            throw new CommandException(
                    "%s cannot be read (%s); give the output_dir of a run that has made a step.".formatted(file,
                            e.getClass().getSimpleName()),
                    e);
        }
        return losses;
    }

    private static void add(String line, String field, JsonMapper mapper, Map<Long, Double> losses) {
        try {
            JsonNode step = mapper.readTree(line);
            double loss = step.path(field).asDouble(Double.NaN);
            if (Double.isFinite(loss) && step.path("step").isNumber()) { losses.put(step.path("step").asLong(), loss); }
        } catch (JacksonException _) {
            // The rank is writing this line just now, or was killed while it did.
        }
    }

    public int size() {
        return steps.length;
    }

    /// Where the loss is least: the first such place.
    public int best() {
        int best = 0;
        for (int i = 1; i < losses.length; i++) {
            if (losses[i] < losses[best]) { best = i; }
        }
        return best;
    }

    /// @return the mean loss of the last `count` steps, or of all when there are fewer
    public double meanOfLast(int count) {
        int from = Math.max(0, losses.length - count);
        double sum = 0;
        for (int i = from; i < losses.length; i++) {
            sum += losses[i];
        }
        return sum / (losses.length - from);
    }

    /// @return (n) mean over each step and up to `radius` steps on either side of it
    public double[] smoothed(int radius) {
        double[] smooth = new double[losses.length];
        for (int i = 0; i < losses.length; i++) {
            // As many on the left as on the right, so that the ends of a falling curve are not pulled towards its middle.
            int reach = Math.min(radius, Math.min(i, losses.length - 1 - i));
            double sum = 0;
            for (int j = i - reach; j <= i + reach; j++) {
                sum += losses[j];
            }
            smooth[i] = sum / (2 * reach + 1);
        }
        return smooth;
    }
}
