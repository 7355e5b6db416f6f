package dev.kintsugi.client.picture;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The curves of a run as lines of text. Pure.
public final class CurveLines {
    private static final int COLUMNS = 60;

    private CurveLines() {
    }

    /// @param evaluations empty where there were none
    public static List<String> of(LossCurve training, Optional<LossCurve> evaluations) {
        var lines = new ArrayList<String>();
        lines.add("  loss        " + Sparkline.of(training.losses(), COLUMNS));
        evaluations.ifPresent(e -> lines.add(String.format(Locale.ROOT, "  eval_loss   %s  %.4f after step %d, best %.4f after step %d",
                Sparkline.of(e.losses(), COLUMNS), e.losses()[e.size() - 1], e.steps()[e.size() - 1], e.losses()[e.best()], e.steps()[e.best()])));
        return List.copyOf(lines);
    }
}
