package dev.kintsugi.client.service;

import dev.kintsugi.proto.v1.CancelJobRequest;
import dev.kintsugi.proto.v1.GetJobRequest;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobServiceGrpc;
import dev.kintsugi.proto.v1.JobServiceGrpc.JobServiceBlockingStub;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.ListJobsRequest;
import dev.kintsugi.proto.v1.ReadLogsRequest;
import dev.kintsugi.proto.v1.ReadLogsResponse;
import dev.kintsugi.proto.v1.SubmitJobRequest;
import dev.kintsugi.proto.v1.WatchJobRequest;
import dev.kintsugi.proto.v1.WatchJobResponse;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// A coordinator's job service, for one command. Every failure is a [CommandException].
public final class JobClient implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 64 << 20;
    private static final long CALL_SECONDS = 60;
    /// Cancelling returns when no rank is left, which may take the ranks' grace.
    private static final long CANCEL_SECONDS = 120;

    private final ServiceAddress address;
    private final ManagedChannel channel;
    private final JobServiceBlockingStub service;

    public JobClient(ServiceAddress address) {
        this.address = address;
        channel = Grpc.newChannelBuilderForAddress(address.host(), address.port(), InsecureChannelCredentials.create())
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .build();
        service = JobServiceGrpc.newBlockingStub(channel);
    }

    public ServiceAddress address() {
        return address;
    }

    public Job submit(JobSpec spec) {
        return call(() -> within(CALL_SECONDS).submitJob(SubmitJobRequest.newBuilder().setSpec(spec).build()).getJob());
    }

    public Job get(String jobId) {
        return call(() -> within(CALL_SECONDS).getJob(GetJobRequest.newBuilder().setJobId(jobId).build()).getJob());
    }

    /// @param limit how many of the newest; 0 for all
    public List<Job> list(int limit) {
        return call(() -> within(CALL_SECONDS).listJobs(ListJobsRequest.newBuilder().setLimit(limit).build()).getJobsList());
    }

    /// Returns when no rank of the job is left.
    public Job cancel(String jobId) {
        return call(() -> within(CANCEL_SECONDS).cancelJob(CancelJobRequest.newBuilder().setJobId(jobId).build()).getJob());
    }

    /// Hands over the job as it is and then every change of it, until it has ended.
    ///
    /// @return the job as it was at the end
    public Job watch(String jobId, Consumer<WatchJobResponse> changes) {
        return call(() -> {
            Iterator<WatchJobResponse> responses = service.watchJob(WatchJobRequest.newBuilder().setJobId(jobId).build());
            Job last = null;
            while (responses.hasNext()) {
                WatchJobResponse response = responses.next();
                if (response.hasJob()) { last = response.getJob(); }
                changes.accept(response);
            }
            if (last == null) {
                throw new CommandException("the coordinator at %s said nothing about job %s.".formatted(address, jobId));
            }
            return last;
        });
    }

    public void readLogs(ReadLogsRequest request, Consumer<ReadLogsResponse> lines) {
        call(() -> {
            service.readLogs(request).forEachRemaining(lines);
            return null;
        });
    }

    private JobServiceBlockingStub within(long seconds) {
        return service.withDeadlineAfter(seconds, TimeUnit.SECONDS);
    }

    private <T> T call(Supplier<T> call) {
        try {
            return call.get();
        } catch (StatusRuntimeException e) {
            throw new CommandException(sentence(e), e);
        }
    }

    private String sentence(StatusRuntimeException e) {
        String said = e.getStatus().getDescription() == null ? "no more was said" : e.getStatus().getDescription();
        return switch (e.getStatus().getCode()) {
            case UNAVAILABLE ->
                ("no coordinator answers at %s (%s); start one with 'kintsugi coordinator', or say where it is with "
                        + "--coordinator HOST:PORT or %s.").formatted(address, brief(said, e), ServiceAddress.ENVIRONMENT);
            case DEADLINE_EXCEEDED ->
                "the coordinator at %s did not answer in time (%s); look at its log.".formatted(address, said);
            case INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ALREADY_EXISTS, RESOURCE_EXHAUSTED, PERMISSION_DENIED,
                    OUT_OF_RANGE,
                    ABORTED ->
                said;
            case UNIMPLEMENTED ->
                "what answers at %s is not a Kintsugi coordinator (%s); correct --coordinator.".formatted(address, said);
            case OK, CANCELLED, UNKNOWN, UNAUTHENTICATED, INTERNAL, DATA_LOSS ->
                "the coordinator at %s failed (%s: %s); look at its log."
                        .formatted(address, e.getStatus().getCode(), said);
        };
    }

    /// gRPC says "io exception"; the cause says why.
    private static String brief(String said, Throwable e) {
        Throwable cause = e.getCause();
        while (cause != null && cause.getCause() != null) {
            cause = cause.getCause();
        }
        boolean refused = cause != null && String.valueOf(cause.getMessage()).contains("onnection refused");
        return refused ? "connection refused" : said;
    }

    public boolean isClosed() {
        return channel.isShutdown();
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
