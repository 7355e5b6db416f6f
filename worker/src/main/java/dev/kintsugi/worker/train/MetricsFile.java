package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.worker.fsdp.PhaseClock.Phase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// `metrics.jsonl`: one JSON object a step, written by rank 0. Numbers are written so that reading them gives the same bits; what is not finite, of a
/// step that was skipped, is null.
final class MetricsFile implements AutoCloseable {
    private static final Pattern STEP = Pattern.compile("^\\{\"step\":(\\d+),.*}$");

    private final FileChannel file;

    /// Keeps the lines up to `lastStep`, as a resumed run writes the later ones again; a torn last line goes too.
    MetricsFile(Path path, long lastStep) throws IOException {
        List<String> kept = new ArrayList<>();
        if (Files.exists(path)) {
            for (String line : Files.readAllLines(path)) {
                Matcher m = STEP.matcher(line);
                if (m.matches() && Long.parseLong(m.group(1)) <= lastStep) { kept.add(line); }
            }
        }
        Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
        Files.write(temporary, kept);
        Files.move(temporary, path, java.nio.file.StandardCopyOption.ATOMIC_MOVE, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        file = FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    }

    void append(StepMetrics m) {
        String line = ("{\"step\":%d,\"loss\":%s%s,\"grad_norm\":%s,\"learning_rate\":%s,\"tokens\":%d,\"step_seconds\":%s%s,"
                + "\"tokens_per_second\":%s,\"model_flops_per_second\":%s,\"peak_flops_per_second\":%s,\"mfu\":%s,\"peak_rss_bytes\":%d,"
                + "\"phases\":{%s}}\n")
                .formatted(m.getStep(), number(m.getLoss()), evaluated(m),
                        number(m.getGradNorm()), m.getLearningRate(), m.getTokens(), round(m.getStepSeconds(), 1e6),
                        evaluationSeconds(m),
                        round(m.getTokensPerSecond(), 10), Math.round(m.getModelFlopsPerSecond()), Math.round(m.getPeakFlopsPerSecond()),
                        round(m.getMfu(), 1e6), m.getPeakResidentBytes(), phases(m));
        try {
            file.write(java.nio.ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot append to metrics.jsonl", e);
        }
    }

    private static String evaluated(StepMetrics m) {
        return !m.hasEvaluated() ? "" : ",\"eval_loss\":%s,\"eval_tokens\":%d".formatted(number(m.getEvaluated().getLoss()), m.getEvaluated().getTokens());
    }

    private static String evaluationSeconds(StepMetrics m) {
        return !m.hasEvaluated() ? "" : ",\"eval_seconds\":%s".formatted(round(m.getEvaluated().getSeconds(), 1e6));
    }

    private static String phases(StepMetrics m) {
        return Arrays.stream(Phase.values()).map(p -> "\"%s\":%s".formatted(p.key(), round(m.getPhaseSecondsOrDefault(p.key(), 0), 1e6)))
                .collect(Collectors.joining(","));
    }

    /// JSON has no others.
    private static String number(double value) {
        return Double.isFinite(value) ? Double.toString(value) : "null";
    }

    private static double round(double value, double unit) {
        return Math.round(value * unit) / unit;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
