package dev.kintsugi.client.picture;

import dev.kintsugi.client.service.CommandException;
import java.awt.AWTError;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.DoubleStream;
import javax.imageio.ImageIO;

/// The loss curve of a run as a PNG: every step in a pale line, the mean of its neighbours in a strong one, evaluations in a line with dots. Needs no
/// display and no fonts.
public final class LossPicture {
    private static final int WIDTH = 1200;
    private static final int HEIGHT = 675;
    private static final int LEFT = 90;
    private static final int RIGHT = WIDTH - 40;
    private static final int TOP = 80;
    private static final int BOTTOM = HEIGHT - 80;
    private static final int LAST_STEPS = 20;
    private static final double DOT = 4.5;

    private static final Color PAPER = new Color(0xFDFCF9);
    private static final Color GRID = new Color(0xE6E2D8);
    private static final Color INK = new Color(0x3A3A3A);
    private static final Color RAW = new Color(0xBFC9D6);
    private static final Color GOLD = new Color(0xB8860B);
    private static final Color BLUE = new Color(0x1F5A99);

    private final LossCurve curve;
    private final Optional<LossCurve> evaluations;
    private final double[] smooth;
    private final double firstStep;
    private final double lastStep;
    private final double low;
    private final double high;

    private LossPicture(LossCurve curve, Optional<LossCurve> evaluations) {
        this.curve = curve;
        this.evaluations = evaluations;
        smooth = curve.smoothed(Math.max(1, curve.size() / 40));
        firstStep = Math.min(0, curve.steps()[0]);
        lastStep = Math.max(firstStep + 1, curve.steps()[curve.size() - 1]);
        double[] all = DoubleStream.concat(DoubleStream.of(curve.losses()), evaluations.stream().flatMapToDouble(e -> DoubleStream.of(e.losses()))).toArray();
        double least = DoubleStream.of(all).min().orElseThrow();
        double most = DoubleStream.of(all).max().orElseThrow();
        double margin = Math.max(0.05 * (most - least), 1e-3 * Math.max(1, Math.abs(most)));
        low = least - margin;
        high = most + margin;
    }

    /// @throws CommandException when there is nothing to draw, or no place to put it
    public static void draw(Path metrics, Path picture) {
        System.setProperty("java.awt.headless", "true");
        BufferedImage image = image(LossCurve.read(metrics), LossCurve.readEvaluations(metrics));
        Path directory = picture.toAbsolutePath().getParent();
        try {
            Path whole = Files.createTempFile(directory, ".loss", ".png");
            try {
                if (!ImageIO.write(image, "png", whole.toFile())) { throw new IOException("this Java cannot write PNG"); }
                Files.move(whole, picture, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(whole);
            }
        } catch (IOException e) {
            throw new CommandException(
                    "%s cannot be written (%s); name a writable place with -o.".formatted(picture, e.getMessage()), e);
        }
    }

    /// The same for a run that has just ended: a picture that cannot be drawn does not make the run fail.
    ///
    /// @return whether there is a picture
    public static boolean tryDraw(Path metrics, Path picture) {
        try {
            draw(metrics, picture);
            return true;
        } catch (CommandException | LinkageError | AWTError e) {
            System.err.println("kintsugi: no picture was drawn: " + e.getMessage());
            return false;
        }
    }

    /// @param evaluations empty where there are none
    static BufferedImage image(LossCurve curve, Optional<LossCurve> evaluations) {
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D canvas = image.createGraphics();
        canvas.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        canvas.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        canvas.setColor(PAPER);
        canvas.fillRect(0, 0, WIDTH, HEIGHT);
        new LossPicture(curve, evaluations).draw(canvas);
        canvas.dispose();
        return image;
    }

    private void draw(Graphics2D canvas) {
        axes(canvas);
        line(canvas, curve, curve.losses(), RAW, 1.3f);
        line(canvas, curve, smooth, GOLD, 3f);
        evaluations.ifPresent(e -> {
            line(canvas, e, e.losses(), BLUE, 2f);
            for (int i = 0; i < e.size(); i++) { dot(canvas, e.steps()[i], e.losses()[i]); }
        });
        titles(canvas);
    }

    private void axes(Graphics2D canvas) {
        Ticks steps = Ticks.between(firstStep, lastStep, 9);
        for (double step : steps.values()) {
            rule(canvas, x(step), TOP, x(step), BOTTOM);
            String label = steps.label(step);
            StrokeFont.draw(canvas, label, x(step) - StrokeFont.width(label, 12) / 2, BOTTOM + 26, 12);
        }
        Ticks losses = Ticks.between(low, high, 8);
        for (double loss : losses.values()) {
            rule(canvas, LEFT, y(loss), RIGHT, y(loss));
            String label = losses.label(loss);
            StrokeFont.draw(canvas, label, LEFT - 14 - StrokeFont.width(label, 12), y(loss) + 6, 12);
        }
        canvas.setStroke(new BasicStroke(1.5f));
        canvas.draw(new Line2D.Double(LEFT, BOTTOM, RIGHT, BOTTOM));
        canvas.draw(new Line2D.Double(LEFT, TOP, LEFT, BOTTOM));
    }

    private static void rule(Graphics2D canvas, double x1, double y1, double x2, double y2) {
        canvas.setColor(GRID);
        canvas.setStroke(new BasicStroke(1f));
        canvas.draw(new Line2D.Double(x1, y1, x2, y2));
        canvas.setColor(INK);
    }

    private void line(Graphics2D canvas, LossCurve at, double[] losses, Color colour, float width) {
        Path2D path = new Path2D.Double();
        path.moveTo(x(at.steps()[0]), y(losses[0]));
        for (int i = 1; i < losses.length; i++) {
            path.lineTo(x(at.steps()[i]), y(losses[i]));
        }
        // One step is a point: without a second place to go to, a round end alone shows it.
        if (losses.length == 1) { path.lineTo(x(at.steps()[0]), y(losses[0])); }
        canvas.setColor(colour);
        canvas.setStroke(new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        canvas.draw(path);
    }

    private void dot(Graphics2D canvas, double step, double loss) {
        canvas.setColor(BLUE);
        canvas.fill(new Ellipse2D.Double(x(step) - DOT, y(loss) - DOT, 2 * DOT, 2 * DOT));
    }

    private void titles(Graphics2D canvas) {
        canvas.setColor(INK);
        StrokeFont.draw(canvas, evaluations.isEmpty() ? "training loss (nats per token)" : "loss (nats per token)", LEFT, 44, 17);
        StrokeFont.draw(canvas, "step", (LEFT + RIGHT - StrokeFont.width("step", 13)) / 2, HEIGHT - 22, 13);
        title(canvas, GOLD, 44, String.format(Locale.ROOT, "%s%.3f at step %d, %.3f over the last %d", evaluations.isEmpty() ? "" : "training ",
                curve.losses()[curve.size() - 1], curve.steps()[curve.size() - 1], curve.meanOfLast(LAST_STEPS), Math.min(LAST_STEPS, curve.size())));
        evaluations.ifPresent(e -> title(canvas, BLUE, 68, String.format(Locale.ROOT, "evaluation %.3f at step %d, best %.3f at step %d",
                e.losses()[e.size() - 1], e.steps()[e.size() - 1], e.losses()[e.best()], e.steps()[e.best()])));
    }

    private static void title(Graphics2D canvas, Color colour, int y, String text) {
        canvas.setColor(colour);
        StrokeFont.draw(canvas, text, RIGHT - StrokeFont.width(text, 13), y, 13);
    }

    private double x(double step) {
        return LEFT + (step - firstStep) / (lastStep - firstStep) * (RIGHT - LEFT);
    }

    private double y(double loss) {
        return BOTTOM - (loss - low) / (high - low) * (BOTTOM - TOP);
    }
}
