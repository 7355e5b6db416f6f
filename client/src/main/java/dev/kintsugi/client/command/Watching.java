package dev.kintsugi.client.command;

import dev.kintsugi.client.picture.CurveLines;
import dev.kintsugi.client.picture.LossCurve;
import dev.kintsugi.client.picture.LossPicture;
import dev.kintsugi.client.report.Report;
import dev.kintsugi.client.report.Summary;
import dev.kintsugi.client.report.TerminalWidth;
import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.proto.v1.Job;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Follows a job on standard output until it has ended, then says how it ended and what to do next.
final class Watching {
    private Watching() {
    }

    /// @return the exit status that tells how the job ended: 0 succeeded, 130 cancelled
    /// @throws CommandException with the job's own words when it failed
    static int toTheEnd(JobClient client, Job accepted, Interruption interruption) {
        long beganNs = System.nanoTime();
        Report report = new Report(System.out, TerminalWidth.ofStandardOutput());
        Summary.start(accepted).forEach(report::line);
        Job job = client.watch(accepted.getJobId(), report);
        report.finish();
        double seconds = (System.nanoTime() - beganNs) / 1e9;
        return switch (job.getState()) {
            case SUCCEEDED -> succeeded(job, seconds);
            case FAILED -> throw new CommandException(job.getMessage());
            case CANCELLED -> cancelled(job, interruption);
            case JOB_STATE_UNSPECIFIED, QUEUED, STARTING, RUNNING, STOPPING, UNRECOGNIZED -> throw new CommandException(
                    "the coordinator at %s stopped reporting on job %s; follow it with 'kintsugi watch %s'."
                            .formatted(client.address(), job.getJobId(), job.getJobId()));
        };
    }

    private static int succeeded(Job job, double seconds) {
        Path directory = Path.of(job.getSpec().getOutputDir());
        Path metrics = directory.resolve("metrics.jsonl");
        boolean picture = Files.isReadable(metrics) && LossPicture.tryDraw(metrics, directory.resolve("loss.png"));
        Summary.end(job, seconds, picture).forEach(System.out::println);
        if (picture) { CurveLines.of(LossCurve.read(metrics), LossCurve.readEvaluations(metrics)).forEach(System.out::println); }
        if (job.getMaxSteps() > 0) { next(directory).forEach(System.out::println); }
        return 0;
    }

    private static List<String> next(Path directory) {
        return List.of("next:",
                "  kintsugi checkpoint verify %s".formatted(directory),
                "  kintsugi checkpoint export %s --output_dir %s".formatted(directory, directory.resolve("export")),
                "  kintsugi generate --model %s --prompt '...' --max_new_tokens 64".formatted(directory.resolve("export")));
    }

    /// Cancelled from here, or by somebody else.
    private static int cancelled(Job job, Interruption interruption) {
        if (!interruption.isInterrupted()) { throw new CommandException("job %s was cancelled.".formatted(job.getJobId())); }
        System.err.println("kintsugi: cancelled after step %d%s".formatted(job.getStep(), job.getLastCheckpointStep() > 0
                ? "; --resume_from_checkpoint True goes on from step %d.".formatted(job.getLastCheckpointStep())
                : "; no checkpoint was made yet."));
        return interruption.exitStatus();
    }
}
