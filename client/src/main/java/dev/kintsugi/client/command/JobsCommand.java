package dev.kintsugi.client.command;

import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.proto.v1.Job;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Lists jobs, newest first.
@Command(name = "jobs", sortOptions = false, description = "List the coordinator's jobs, newest first.", footer = {"",
        "Examples:", "  kintsugi jobs", "  kintsugi jobs --limit 5 --json --coordinator head:7780"})
public final class JobsCommand implements Callable<Integer> {
    @Mixin
    private ServiceOption service;

    @Option(names = "--limit", paramLabel = "N", defaultValue = "20", description = "How many at most; default 20, 0 for all.")
    private int limit;

    @Option(names = "--json", description = "One JSON object on each line, with the field names of job.proto.")
    private boolean json;

    @Override
    public Integer call() {
        try (JobClient client = service.connect()) {
            List<Job> jobs = client.list(Math.max(0, limit));
            if (json) {
                jobs.forEach(job -> System.out.println(JobTexts.json(job)));
            } else {
                System.out.print(jobs.isEmpty()
                        ? "no jobs yet; queue one with 'kintsugi submit JOB.yaml'%n".formatted()
                        : JobTexts.table(jobs));
            }
            return 0;
        }
    }
}
