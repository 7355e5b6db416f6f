package dev.kintsugi.client.picture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LossCurveTest {
    @TempDir
    Path directory;

    @Test
    void shouldTakeTheLastOfAStepThatIsThereTwiceAndLeaveOutATornLine() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        Files.writeString(file, """
                {"step": 1, "loss": 9.0, "tokens": 4096}
                {"step": 2, "loss": 8.0}
                {"step": 3, "loss": 7.5}
                {"step": 2, "loss": 8.25}
                {"step": 4, "lo""");
        LossCurve curve = LossCurve.read(file);
        assertThat(curve.steps()).containsExactly(1, 2, 3);
        assertThat(curve.losses()).containsExactly(9.0, 8.25, 7.5);
        assertThat(curve.meanOfLast(2)).isEqualTo(7.875);
        assertThat(curve.meanOfLast(20)).isEqualTo(8.25);
    }

    @Test
    void shouldShowBothCurvesAsText() throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        Files.writeString(file, """
                {"step": 1, "loss": 9.0}
                {"step": 2, "loss": 8.0, "eval_loss": 8.5}
                {"step": 3, "loss": 7.0, "eval_loss": null}
                {"step": 4, "loss": 6.0, "eval_loss": 8.75}
                """);
        assertThat(CurveLines.of(LossCurve.read(file), LossCurve.readEvaluations(file))).containsExactly("  loss        █▆▃▁",
                "  eval_loss   ▁█  8.7500 after step 4, best 8.5000 after step 2");
        Files.writeString(file, "{\"step\": 1, \"loss\": 9.0}\n");
        assertThat(CurveLines.of(LossCurve.read(file), LossCurve.readEvaluations(file))).containsExactly("  loss        ▁");
    }

    @Test
    void shouldSmoothEvenlyOnBothSides() {
        LossCurve line = new LossCurve(new long[] {1, 2, 3, 4, 5}, new double[] {5, 4, 3, 2, 1});
        assertThat(line.smoothed(2)).containsExactly(5, 4, 3, 2, 1);
        LossCurve spike = new LossCurve(new long[] {1, 2, 3}, new double[] {0, 3, 0});
        assertThat(spike.smoothed(1)).containsExactly(0, 1, 0);
    }

    @Test
    void shouldSketchInOneLine() {
        assertThat(Sparkline.of(new double[] {8, 7, 6, 5, 4, 3, 2, 1}, 60)).isEqualTo("█▇▆▅▄▃▂▁");
        assertThat(Sparkline.of(new double[] {8, 8, 1, 1}, 2)).isEqualTo("█▁");
        assertThat(Sparkline.of(new double[] {3, 3}, 10)).isEqualTo("▁▁");
    }

    @Test
    void shouldPutTicksAtRoundNumbers() {
        assertThat(Ticks.between(0, 300, 9).values()).containsExactly(0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0);
        Ticks small = Ticks.between(2.31, 2.36, 6);
        assertThat(small.values().stream().map(small::label)).containsExactly("2.31", "2.32", "2.33", "2.34", "2.35", "2.36");
    }
}
