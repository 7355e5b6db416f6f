package dev.kintsugi.client.command;

import dev.kintsugi.client.report.Report;
import dev.kintsugi.client.report.Summary;
import dev.kintsugi.client.report.TerminalWidth;
import dev.kintsugi.client.service.CommandException;
import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// Follows a job without owning it: Ctrl-C leaves it alone.
@Command(name = "watch", sortOptions = false, description = "Follow a job until it ends. Ctrl-C stops watching; the job goes on.", footer = {
        "", "Examples:", "  kintsugi watch JOB", "  kintsugi watch JOB --coordinator head:7780 | tee run.txt", "",
        "Exit status: 0 when the job succeeded, 1 when it failed, 130 when it was cancelled."})
public final class WatchCommand implements Callable<Integer> {
    private static final int CANCELLED = 130;

    @Parameters(paramLabel = "JOB", description = "The job's id, as 'kintsugi jobs' lists it.")
    private String jobId;

    @Mixin
    private ServiceOption service;

    @Override
    public Integer call() {
        try (JobClient client = service.connect()) {
            Report report = new Report(System.out, TerminalWidth.ofStandardOutput());
            Summary.start(client.get(jobId)).forEach(report::line);
            Job job = client.watch(jobId, report);
            report.finish();
            if (job.getState() == JobState.FAILED) { throw new CommandException(job.getMessage()); }
            if (job.getState() == JobState.CANCELLED) {
                System.out.println("job %s was cancelled after step %d.".formatted(jobId, job.getStep()));
                return CANCELLED;
            }
            Summary.end(job, Summary.seconds(job), false).forEach(System.out::println);
            return 0;
        }
    }
}
