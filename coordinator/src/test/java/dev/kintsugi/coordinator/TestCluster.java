package dev.kintsugi.coordinator;

import dev.kintsugi.proto.v1.GetJobRequest;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobServiceGrpc;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.SubmitJobRequest;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// A real coordinator on a free port, a channel to it, and the files of a tiny job.
final class TestCluster implements AutoCloseable {
    static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
             "num_attention_heads": 2, "vocab_size": 33, "max_position_embeddings": 64}""";

    final Path root;
    Coordinator coordinator;
    ManagedChannel channel;
    JobServiceGrpc.JobServiceBlockingStub jobs;

    TestCluster(Path root) throws IOException {
        this.root = root;
        Files.writeString(root.resolve("config.json"), CONFIG);
        Files.writeString(root.resolve("tokenizer.json"), "{}");
        Files.writeString(root.resolve("data.txt"), "text");
        open();
    }

    private void open() {
        coordinator = Coordinator.start(new CoordinatorSettings("127.0.0.1", 0, root.resolve("state")));
        channel = ManagedChannelBuilder.forAddress("127.0.0.1", coordinator.port()).usePlaintext().build();
        jobs = JobServiceGrpc.newBlockingStub(channel);
    }

    void restart() throws InterruptedException {
        close();
        open();
    }

    JobSpec.Builder spec(int worldSize) {
        return JobSpec.newBuilder().setOutputDir(root.resolve("out").toString()).setConfigName(root.resolve("config.json").toString())
                .setTokenizerName(root.toString()).setDatasetName(root.resolve("data.txt").toString()).setWorldSize(worldSize)
                .setMaxSteps(4).setMaxLength(8);
    }

    Job submit(JobSpec.Builder spec) {
        return jobs.submitJob(SubmitJobRequest.newBuilder().setSpec(spec).build()).getJob();
    }

    Job job(Job job) {
        return jobs.getJob(GetJobRequest.newBuilder().setJobId(job.getJobId()).build()).getJob();
    }

    Job awaitState(Job job, JobState state) throws InterruptedException {
        return await(job, j -> j.getState() == state);
    }

    Job await(Job job, Predicate<Job> condition) throws InterruptedException {
        Job now = job(job);
        for (int i = 0; i < 500 && !condition.test(now); i++) {
            Thread.sleep(20);
            now = job(job);
        }
        if (!condition.test(now)) { throw new AssertionError("within 10 s only came: " + now); }
        return now;
    }

    /// Ranks that joined and attend, but are not prepared.
    List<FakeRank> joinAll(FakeHost host, StartRanks start) throws Exception {
        var ranks = new ArrayList<FakeRank>();
        for (int rank : start.getRanksList()) {
            ranks.add(new FakeRank(channel, start, host.id, rank));
        }
        for (FakeRank r : ranks) {
            r.awaitJoined();
            r.attend();
        }
        return ranks;
    }

    List<FakeRank> prepareAll(FakeHost host, StartRanks start, long maxSteps) throws Exception {
        List<FakeRank> ranks = joinAll(host, start);
        ranks.forEach(r -> r.prepared(maxSteps));
        return ranks;
    }

    @Override
    public void close() throws InterruptedException {
        coordinator.close();
        channel.shutdownNow();
        channel.awaitTermination(5, TimeUnit.SECONDS);
    }
}
