package dev.kintsugi.client.picture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.client.service.CommandException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LossPictureTest {
    private static final int GOLD = 0xFFB8860B;
    private static final int BLUE = 0xFF1F5A99;

    @TempDir
    Path directory;

    @BeforeAll
    static void withoutDisplay() {
        System.setProperty("java.awt.headless", "true");
    }

    @Test
    void shouldDrawAFallingCurveFromTopLeftToBottomRight() throws IOException {
        BufferedImage image = draw(lines(300));
        assertThat(image.getWidth()).isEqualTo(1200);
        assertThat(goldRow(image, 110)).isLessThan(150);
        assertThat(goldRow(image, 1150)).isGreaterThan(500);
        assertThat(darkPixels(image, 0, 60)).as("letters of the title").isGreaterThan(500);
        assertThat(darkPixels(image, 640, 675)).as("letters below the axis").isGreaterThan(50);
    }

    @Test
    void shouldDrawEvaluationsAsASecondCurveWithinTheFrame() throws IOException {
        BufferedImage image = draw(lines(300) + "{\"step\": 150, \"loss\": 2.57, \"eval_loss\": 11.5}\n"
                + "{\"step\": 300, \"loss\": 2.0, \"eval_loss\": 6.0}\n");
        assertThat(row(image, 625, BLUE)).as("the higher of both scales the picture").isBetween(80, 130);
        assertThat(row(image, 1155, BLUE)).isBetween(280, 400);
        assertThat(goldRow(image, 110)).isBetween(200, 320);
        assertThat(row(draw(lines(300)), 1155, BLUE)).as("none without evaluations").isEqualTo(-1);
    }

    @Test
    void shouldDrawASingleStepAndAConstantLoss() throws IOException {
        assertThat(draw("{\"step\": 1, \"loss\": 9.0}\n")).isNotNull();
        assertThat(draw("{\"step\": 1, \"loss\": 2.0}\n{\"step\": 2, \"loss\": 2.0}\n")).isNotNull();
    }

    @Test
    void shouldSayWhatIsMissing() throws IOException {
        assertThatThrownBy(() -> LossPicture.draw(directory.resolve("none.jsonl"), directory.resolve("loss.png")))
                .isInstanceOf(CommandException.class).hasMessageContaining("none.jsonl cannot be read");
        assertThatThrownBy(() -> draw("")).isInstanceOf(CommandException.class).hasMessageContaining("holds no step yet");
        assertThat(directory.resolve("loss.png")).doesNotExist();
    }

    private BufferedImage draw(String metrics) throws IOException {
        Path file = directory.resolve("metrics.jsonl");
        Files.writeString(file, metrics);
        LossPicture.draw(file, directory.resolve("loss.png"));
        return ImageIO.read(directory.resolve("loss.png").toFile());
    }

    private static long darkPixels(BufferedImage image, int top, int bottom) {
        return Arrays.stream(image.getRGB(0, top, image.getWidth(), bottom - top, null, 0, image.getWidth()))
                .filter(rgb -> (rgb & 0xFF) < 0x80).count();
    }

    private static String lines(int steps) {
        StringBuilder lines = new StringBuilder();
        for (int step = 1; step <= steps; step++) {
            lines.append("{\"step\": %d, \"loss\": %s}\n".formatted(step, 2 + 7 * Math.exp(-step / 60.0)));
        }
        return lines.toString();
    }

    /// The first row below the titles in which this column holds the smoothed curve's colour.
    private static int goldRow(BufferedImage image, int column) {
        return row(image, column, GOLD);
    }

    private static int row(BufferedImage image, int column, int colour) {
        for (int row = 75; row < image.getHeight(); row++) {
            if (image.getRGB(column, row) == colour) { return row; }
        }
        return -1;
    }
}
