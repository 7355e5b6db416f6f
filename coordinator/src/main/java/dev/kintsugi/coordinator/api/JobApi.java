package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.control.Conductor;
import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.job.JobAdmission;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.CancelJobRequest;
import dev.kintsugi.proto.v1.CancelJobResponse;
import dev.kintsugi.proto.v1.GetJobRequest;
import dev.kintsugi.proto.v1.GetJobResponse;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobServiceGrpc;
import dev.kintsugi.proto.v1.ListJobsRequest;
import dev.kintsugi.proto.v1.ListJobsResponse;
import dev.kintsugi.proto.v1.ReadLogsRequest;
import dev.kintsugi.proto.v1.ReadLogsResponse;
import dev.kintsugi.proto.v1.SubmitJobRequest;
import dev.kintsugi.proto.v1.SubmitJobResponse;
import dev.kintsugi.proto.v1.WatchJobRequest;
import dev.kintsugi.proto.v1.WatchJobResponse;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// What people and the command line call. Each call runs on a virtual thread of its own.
public final class JobApi extends JobServiceGrpc.JobServiceImplBase {
    private static final long LOOP_SECONDS_MAX = 10;
    private static final long STORE_SECONDS_MAX = 30;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final ControlLoop loop;
    private final Conductor conductor;
    private final ExecutorService calls;

    /// @param calls makes a virtual thread a call
    public JobApi(ControlLoop loop, Conductor conductor, ExecutorService calls) {
        this.loop = loop;
        this.conductor = conductor;
        this.calls = calls;
    }

    @Override
    public void submitJob(SubmitJobRequest request, StreamObserver<SubmitJobResponse> out) {
        answer(out, () -> {
            JobAdmission.Admitted admitted = JobAdmission.admit(request.getSpec());
            String id = newJobId();
            CompletableFuture<Job> stored = onLoop(() -> conductor.submit(id, admitted));
            return SubmitJobResponse.newBuilder().setJob(awaitStored(stored, id)).build();
        });
    }

    // A job of which its submitter hears an error must not run.
    private Job awaitStored(CompletableFuture<Job> stored, String id) throws Exception {
        try {
            return stored.get(STORE_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            loop.execute(() -> conductor.cancel(id));
            throw new IOException("the job could not be stored in the coordinator's state directory; check its disk and submit again", e);
        }
    }

    // Ids become parts of file and segment names.
    private static String newJobId() {
        return "job-%08x".formatted(RANDOM.nextInt());
    }

    @Override
    public void getJob(GetJobRequest request, StreamObserver<GetJobResponse> out) {
        answer(out, () -> GetJobResponse.newBuilder().setJob(job(request.getJobId())).build());
    }

    @Override
    public void listJobs(ListJobsRequest request, StreamObserver<ListJobsResponse> out) {
        answer(out, () -> {
            List<Job> jobs = onLoop(conductor::jobs);
            int limit = request.getLimit() > 0 ? Math.min(request.getLimit(), jobs.size()) : jobs.size();
            return ListJobsResponse.newBuilder().addAllJobs(jobs.subList(0, limit)).build();
        });
    }

    @Override
    public void cancelJob(CancelJobRequest request, StreamObserver<CancelJobResponse> out) {
        answer(out, () -> {
            CompletableFuture<Job> ended = onLoop(() -> conductor.cancel(request.getJobId()));
            return CancelJobResponse.newBuilder().setJob(ended.get(1, TimeUnit.MINUTES)).build();
        });
    }

    @Override
    public void watchJob(WatchJobRequest request, StreamObserver<WatchJobResponse> out) {
        var stream = new ClientStream<>((ServerCallStreamObserver<WatchJobResponse>) out);
        start(stream, () -> {
            TrackedJob job = onLoop(() -> conductor.job(request.getJobId()));
            new WatchCall(loop, job, stream).run();
        });
    }

    @Override
    public void readLogs(ReadLogsRequest request, StreamObserver<ReadLogsResponse> out) {
        var stream = new ClientStream<>((ServerCallStreamObserver<ReadLogsResponse>) out);
        start(stream, () -> new LogsCall(request, () -> job(request.getJobId()), stream).run());
    }

    private Job job(String jobId) throws Exception {
        return onLoop(() -> conductor.job(jobId).job());
    }

    private <T> T onLoop(Callable<T> task) throws Exception {
        return loop.call(task).get(LOOP_SECONDS_MAX, TimeUnit.SECONDS);
    }

    private <T> void answer(StreamObserver<T> out, Callable<T> call) {
        calls.execute(() -> {
            T response;
            try {
                response = call.call();
            } catch (Exception e) {
                out.onError(Failures.status(e));
                return;
            }
            out.onNext(response);
            out.onCompleted();
        });
    }

    /// Work of a stream, on the thread of its call.
    interface StreamWork {
        void run() throws Exception;
    }

    private <T> void start(ClientStream<T> stream, StreamWork work) {
        calls.execute(() -> {
            try {
                work.run();
                stream.complete();
            } catch (Exception e) {
                stream.fail(e);
            }
        });
    }
}
