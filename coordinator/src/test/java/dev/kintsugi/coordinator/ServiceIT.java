package dev.kintsugi.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.DynamicMessage;
import dev.kintsugi.proto.v1.CancelJobRequest;
import dev.kintsugi.proto.v1.GetJobRequest;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.ListJobsRequest;
import dev.kintsugi.proto.v1.ReadLogsRequest;
import dev.kintsugi.proto.v1.ReadLogsResponse;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.SubmitJobResponse;
import dev.kintsugi.proto.v1.Transport;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What people and tools see of the service, through the real server.
@Timeout(60)
class ServiceIT {
    @TempDir
    Path root;

    private TestCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new TestCluster(root);
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
    }

    @Test
    void shouldTakeAJobFromAClientThatKnowsOnlyReflection() throws Exception {
        String json = """
                {"spec": {"output_dir": "%1$s/out", "config_name": "%1$s/config.json", "tokenizer_name": "%1$s",
                 "dataset_name": "%1$s/data.txt", "world_size": 2, "max_steps": 4, "transport": "AERON"}}""".formatted(root);
        DynamicMessage response = new ReflectionClient(cluster.channel).call("kintsugi.v1.JobService", "SubmitJob", json);
        Job submitted = SubmitJobResponse.parseFrom(response.toByteString()).getJob();
        Job seen = cluster.jobs.getJob(GetJobRequest.newBuilder().setJobId(submitted.getJobId()).build()).getJob();
        assertThat(seen.getSpec()).isEqualTo(submitted.getSpec());
        assertThat(seen.getSpec().getLearningRate()).isEqualTo(5e-5);
        assertThat(seen.getSpec().getTransport()).isEqualTo(Transport.AERON);
        assertThat(seen.getSubmittedAt()).isEqualTo(submitted.getSubmittedAt());
    }

    @Test
    void shouldSayInOneSentenceWhyAJobIsRefusedAndQueueNothing() {
        StatusRuntimeException refused = refusal(() -> cluster.submit(cluster.spec(4).setMicrobatchesPerStep(6)));
        assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
        assertThat(refused.getStatus().getDescription()).startsWith("--microbatches_per_step=6 is not a multiple of --world_size=4");
        assertThat(cluster.jobs.listJobs(ListJobsRequest.getDefaultInstance()).getJobsList()).isEmpty();
        assertThat(root.resolve("out")).doesNotExist();
    }

    @Test
    void shouldRefuseTwoJobsInOneOutputDirectoryUntilTheFirstHasEnded() {
        Job first = cluster.submit(cluster.spec(1));
        assertThat(refusal(() -> cluster.submit(cluster.spec(1))).getStatus().getDescription()).contains("is in use by job " + first.getJobId());
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(first.getJobId()).build());
        Job second = cluster.submit(cluster.spec(1));
        assertThat(cluster.jobs.listJobs(ListJobsRequest.newBuilder().setLimit(1).build()).getJobsList()).extracting(Job::getJobId)
                .containsExactly(second.getJobId());
    }

    @Test
    void shouldRefuseSharedMemoryThatNoHostIsLargeEnoughFor() throws Exception {
        var host = new FakeHost(cluster.channel, "a", 1);
        cluster.submit(cluster.spec(1));
        host.awaitStart();
        assertThat(refusal(() -> cluster.submit(cluster.spec(2).setOutputDir(root + "/other").setTransport(Transport.SHM))).getStatus()
                .getDescription()).contains("--transport shm needs all 2 ranks on one host");
    }

    @Test
    void shouldResumeACheckpointOnAnotherNumberOfRanks() throws Exception {
        Job first = cluster.submit(cluster.spec(2).setMicrobatchesPerStep(4));
        var host = new FakeHost(cluster.channel, "a", 4);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        for (FakeRank r : ranks) {
            r.vote(3);
        }
        ranks.get(0).awaitCommitted();
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(first.getJobId()).build());
        assertThat(refusal(() -> cluster.submit(cluster.spec(4))).getStatus().getDescription())
                .contains("already holds checkpoints up to step 3");
        assertThat(refusal(() -> cluster.submit(cluster.spec(3).setResumeFromCheckpoint("latest"))).getStatus().getDescription())
                .contains("--microbatches_per_step=4 is not a multiple of --world_size=3");
        Job larger = cluster.submit(cluster.spec(4).setMicrobatchesPerStep(8).setResumeFromCheckpoint("True"));
        assertThat(larger.getSpec().getGradientAccumulationSteps()).isEqualTo(2);
        assertThat(host.awaitStart().getJobId()).isEqualTo(larger.getJobId());
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(larger.getJobId()).build());
        Job second = cluster.submit(cluster.spec(4).setResumeFromCheckpoint("True"));
        assertThat(second.getSpec().getGradientAccumulationSteps()).isEqualTo(1);
        StartRanks start = host.awaitStart();
        assertThat(cluster.joinAll(host, start).getFirst().awaitJoined().getResume().getStep()).isEqualTo(3);
        assertThat(cluster.job(second).getLastCheckpointStep()).isEqualTo(3);
        assertThat(cluster.job(second).getMessage()).contains("going on from step 3");
    }

    @Test
    void shouldRunJobsInTheOrderTheyCameWithoutOvertaking() throws Exception {
        var host = new FakeHost(cluster.channel, "a", 2);
        cluster.submit(cluster.spec(1).setOutputDir(root + "/1"));
        StartRanks first = host.awaitStart();
        Job large = cluster.submit(cluster.spec(2).setOutputDir(root + "/2"));
        Job small = cluster.submit(cluster.spec(1).setOutputDir(root + "/3"));
        assertThat(cluster.job(large).getMessage()).isEqualTo("waiting for 2 free slots; 1 are free on 1 hosts");
        assertThat(cluster.job(small).getState()).isEqualTo(JobState.QUEUED);
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(first.getJobId()).build());
        assertThat(host.awaitStart().getJobId()).isEqualTo(large.getJobId());
        assertThat(cluster.job(small).getState()).isEqualTo(JobState.QUEUED);
    }

    @Test
    void shouldFollowLogsUntilTheJobEnds() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        Path log = Files.createDirectories(root.resolve("out/logs/generation-1")).resolve("rank-0.log");
        Files.writeString(log, "one\ntwo\n");
        var lines = cluster.jobs.readLogs(ReadLogsRequest.newBuilder().setJobId(job.getJobId()).setTailLines(1).setFollow(true).build());
        assertThat(lines.next().getLinesList()).containsExactly("two");
        Files.writeString(log, "three\nand a ha", StandardOpenOption.APPEND);
        assertThat(lines.next().getLinesList()).containsExactly("three");
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(job.getJobId()).build());
        assertThat(lines.next()).isEqualTo(ReadLogsResponse.newBuilder().setGeneration(1).addLines("and a ha").build());
        assertThat(lines.hasNext()).isFalse();
    }

    @Test
    void shouldSayThatThereIsNoSuchJob() {
        StatusRuntimeException missing = refusal(() -> cluster.jobs.getJob(GetJobRequest.newBuilder().setJobId("job-x").build()));
        assertThat(missing.getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
        assertThat(missing.getStatus().getDescription()).contains("job-x");
    }

    @Test
    void shouldBeHealthyAndRememberJobsAcrossARestart() throws Exception {
        assertThat(HealthGrpc.newBlockingStub(cluster.channel).check(HealthCheckRequest.getDefaultInstance()).getStatus())
                .isEqualTo(ServingStatus.SERVING);
        Job job = cluster.submit(cluster.spec(1));
        cluster.restart();
        assertThat(cluster.job(job).getSpec()).isEqualTo(job.getSpec());
    }

    @Test
    void shouldNameThePortOrDirectoryThatIsTaken() {
        int port = cluster.coordinator.port();
        assertThatThrownBy(() -> Coordinator.start(new CoordinatorSettings("127.0.0.1", port, root.resolve("other"))))
                .isInstanceOf(StartException.class).hasMessageContaining("port " + port).hasMessageContaining("--port 0");
        assertThatThrownBy(() -> Coordinator.start(new CoordinatorSettings("127.0.0.1", 0, root.resolve("state"))))
                .isInstanceOf(StartException.class).hasMessageContaining("is in use by another coordinator");
    }

    private static StatusRuntimeException refusal(Runnable call) {
        try {
            call.run();
        } catch (StatusRuntimeException e) {
            return e;
        }
        throw new AssertionError("the call was not refused");
    }
}
