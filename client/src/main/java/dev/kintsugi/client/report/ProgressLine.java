package dev.kintsugi.client.report;

import dev.kintsugi.proto.v1.StepMetrics;
import java.util.Locale;

/// One step as one line. Pure.
public final class ProgressLine {
    private static final int BAR_MOST = 30;
    private static final int BAR_LEAST = 5;
    private static final String EIGHTHS = " ▏▎▍▌▋▊▉█";

    private ProgressLine() {
    }

    /// @param maxSteps 0 when it is not known yet
    /// @param remainingSeconds NaN when it is not known yet
    public static String plain(StepMetrics step, long maxSteps, double remainingSeconds) {
        return String.format(Locale.ROOT, "step %d/%d  loss %.4f%s  grad_norm %.3f  learning_rate %.3e  %s tokens/s%s  eta %s",
                step.getStep(),
                maxSteps, step.getLoss(), evaluated(step), step.getGradNorm(), step.getLearningRate(),
                Quantities.grouped(step.getTokensPerSecond()), utilization(step),
                Quantities.duration(remainingSeconds));
    }

    private static String evaluated(StepMetrics step) {
        return step.hasEvaluated() ? String.format(Locale.ROOT, "  eval_loss %.4f", step.getEvaluated().getLoss()) : "";
    }

    /// Nothing for a rank that does not tell.
    private static String utilization(StepMetrics step) {
        return step.getMfu() > 0 ? String.format(Locale.ROOT, "  mfu %.1f %%", 100 * step.getMfu()) : "";
    }

    /// The same with a bar, never wider than the terminal: a line that wraps cannot be redrawn.
    public static String bar(StepMetrics step, long maxSteps, double remainingSeconds, int width) {
        String figures = String.format(Locale.ROOT, " %d/%d  loss %.4f%s  %s tok/s%s  eta %s", step.getStep(), maxSteps,
                step.getLoss(), evaluated(step),
                Quantities.grouped(step.getTokensPerSecond()), utilization(step), Quantities.duration(remainingSeconds));
        int room = Math.min(BAR_MOST, width - 1 - figures.length() - 2);
        String line = room < BAR_LEAST ? figures.strip() : "[" + blocks(step.getStep(), maxSteps, room) + "]" + figures;
        return line.length() < width ? line : line.substring(0, Math.max(0, width - 1));
    }

    private static String blocks(long step, long maxSteps, int cells) {
        long eighths = maxSteps <= 0 ? 0 : Math.clamp(Math.round(8.0 * cells * step / maxSteps), 0L, 8L * cells);
        int full = (int) (eighths / 8);
        String part = full == cells ? "" : EIGHTHS.substring((int) (eighths % 8), (int) (eighths % 8) + 1);
        return "█".repeat(full) + part + " ".repeat(cells - full - part.length());
    }
}
