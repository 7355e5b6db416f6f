package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.job.JobStates;
import dev.kintsugi.coordinator.logs.JobLogs;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.ReadLogsRequest;
import dev.kintsugi.proto.v1.ReadLogsResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;

/// One ReadLogs call. Files are polled: shared storage announces no changes.
final class LogsCall {
    private static final long POLL_MS = 250;

    private final ReadLogsRequest request;
    private final Callable<Job> job;
    private final ClientStream<ReadLogsResponse> stream;

    LogsCall(ReadLogsRequest request, Callable<Job> job, ClientStream<ReadLogsResponse> stream) {
        this.request = request;
        this.job = job;
        this.stream = stream;
    }

    void run() throws Exception {
        // Asked before the files are read: what a job wrote before its end is then never missed.
        boolean ended = JobStates.isTerminal(job.call().getState());
        OptionalInt rank = request.hasRank() ? OptionalInt.of(request.getRank()) : OptionalInt.empty();
        var logs = new JobLogs(Path.of(job.call().getSpec().getOutputDir()), rank);
        if (request.getTailLines() > 0) { sendTail(logs); }
        sendNew(logs);
        while (request.getFollow() && !ended && !stream.isCancelled()) {
            Thread.sleep(POLL_MS);
            ended = JobStates.isTerminal(job.call().getState());
            sendNew(logs);
        }
        var rest = new ArrayList<ReadLogsResponse>();
        logs.readRest(rest::add);
        sendAll(rest);
    }

    private void sendTail(JobLogs logs) throws Exception {
        var tail = new ArrayList<ReadLogsResponse>();
        logs.readTail(request.getTailLines(), tail::add);
        sendAll(tail);
    }

    private void sendNew(JobLogs logs) throws Exception {
        for (List<ReadLogsResponse> batch = logs.readNew(); !batch.isEmpty(); batch = logs.readNew()) {
            sendAll(batch);
        }
    }

    private void sendAll(List<ReadLogsResponse> responses) throws InterruptedException {
        for (ReadLogsResponse r : responses) {
            stream.send(r);
        }
    }
}
