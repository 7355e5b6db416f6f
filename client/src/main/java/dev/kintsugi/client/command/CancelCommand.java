package dev.kintsugi.client.command;

import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.proto.v1.Job;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// Cancels a job and returns when none of its processes is left.
@Command(name = "cancel", sortOptions = false, description = "Cancel a job; returns when none of its processes is left.", footer = {
        "", "Examples:", "  kintsugi cancel JOB", "  kintsugi cancel JOB --coordinator head:7780"})
public final class CancelCommand implements Callable<Integer> {
    @Parameters(paramLabel = "JOB", description = "The job's id, as 'kintsugi jobs' lists it.")
    private String jobId;

    @Mixin
    private ServiceOption service;

    @Override
    public Integer call() {
        try (JobClient client = service.connect()) {
            Job job = client.cancel(jobId);
            System.out.println(
                    "job %s: %s after step %d".formatted(jobId, job.getState().name().toLowerCase(Locale.ROOT), job.getStep()));
            return 0;
        }
    }
}
