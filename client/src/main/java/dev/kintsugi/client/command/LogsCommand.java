package dev.kintsugi.client.command;

import dev.kintsugi.client.service.JobClient;
import dev.kintsugi.proto.v1.ReadLogsRequest;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Prints what the ranks wrote.
@Command(name = "logs", sortOptions = false, description = "Print the lines that a job's ranks wrote.", footer = {"", "Examples:",
        "  kintsugi logs JOB --tail 50", "  kintsugi logs JOB --rank 0 --follow"})
public final class LogsCommand implements Callable<Integer> {
    @Parameters(paramLabel = "JOB", description = "The job's id, as 'kintsugi jobs' lists it.")
    private String jobId;

    @Option(names = "--rank", paramLabel = "R", description = "One rank only; default: all, each line behind its rank.")
    private Integer rank;

    @Option(names = "--follow", description = "Go on until the job ends.")
    private boolean follow;

    @Option(names = "--tail", paramLabel = "N", defaultValue = "0", description = "Begin N lines before the end; default: from the beginning.")
    private int tail;

    @Mixin
    private ServiceOption service;

    @Override
    public Integer call() {
        ReadLogsRequest.Builder request = ReadLogsRequest.newBuilder().setJobId(jobId).setFollow(follow)
                .setTailLines(Math.max(0, tail));
        if (rank != null) { request.setRank(rank); }
        try (JobClient client = service.connect()) {
            client.readLogs(request.build(), response -> response.getLinesList().forEach(line -> System.out.println(
                    rank == null ? "rank %d: %s".formatted(response.getRank(), line) : line)));
            return 0;
        }
    }
}
