package dev.kintsugi.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.proto.v1.CancelJobRequest;
import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.ShardingStrategy;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.Transport;
import dev.kintsugi.proto.v1.WatchJobRequest;
import dev.kintsugi.proto.v1.WatchJobResponse;
import dev.kintsugi.sharding.plan.ShardPlanCodec;
import dev.kintsugi.sharding.plan.Sharding;
import dev.kintsugi.storage.StoragePath;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A job's life through the real server, with agents and ranks played by gRPC clients.
@Timeout(60)
class JobLifeIT {
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
    void shouldTrainCommitAndSucceed() throws Exception {
        Job job = cluster.submit(cluster.spec(2).setSaveTotalLimit(1));
        assertThat(job.getState()).isEqualTo(JobState.QUEUED);
        assertThat(job.getParameters()).isPositive();
        CompletableFuture<List<WatchJobResponse>> watched = watch(job);
        var host = new FakeHost(cluster.channel, "a", 2);
        StartRanks start = host.awaitStart();
        assertThat(start.getRanksList()).containsExactly(0, 1);
        assertThat(start.getLogDir()).isEqualTo(root.resolve("out/logs/generation-1").toString());
        List<FakeRank> ranks = cluster.joinAll(host, start);
        JoinResponse joined = ranks.get(1).awaitJoined();
        assertThat(joined.getTransport()).isEqualTo(Transport.SHM);
        assertThat(joined.getPeersList()).hasSize(2);
        assertThat(joined.hasResume()).isFalse();
        assertThat(ShardPlanCodec.fromProto(joined.getPlan()).sharding().worldSize()).isEqualTo(2);
        ranks.forEach(r -> r.prepared(4));
        for (int step = 1; step <= 4; step++) {
            ranks.get(0).step(step);
        }
        finish(ranks, 4);
        host.exited(start, 0, 0, "");
        host.exited(start, 1, 0, "");
        Job ended = cluster.awaitState(job, JobState.SUCCEEDED);
        assertThat(ended.getLastCheckpointStep()).isEqualTo(4);
        assertThat(ended.getMemoryList()).extracting(RankMemory::getPeakBytes).containsExactly(200L, 201L);
        assertThat(Files.exists(root.resolve("out/checkpoints/step-00000004/manifest.json"))).isTrue();
        List<WatchJobResponse> news = watched.get(10, TimeUnit.SECONDS);
        assertThat(news.stream().flatMap(n -> n.getStepsList().stream()).map(StepMetrics::getStep)).containsExactly(1L, 2L, 3L, 4L);
        assertThat(news.stream().flatMap(n -> n.getNotesList().stream())).anyMatch(n -> n.startsWith("checkpoint step-00000004 comm"));
        assertThat(news.getLast().getJob().getState()).isEqualTo(JobState.SUCCEEDED);
    }

    @Test
    void shouldGoOnFromTheLastCheckpointWhenARankIsKilled() throws Exception {
        Job job = cluster.submit(cluster.spec(2));
        CompletableFuture<List<WatchJobResponse>> watched = watch(job);
        var host = new FakeHost(cluster.channel, "a", 2);
        StartRanks first = host.awaitStart();
        List<FakeRank> ranks = cluster.prepareAll(host, first, 4);
        ranks.get(0).step(1);
        ranks.get(0).step(2);
        vote(ranks, 2);
        ranks.get(0).step(3);
        ranks.forEach(r -> r.heartbeat(3, "forward model.layers.1"));
        Files.createDirectories(root.resolve("out/checkpoints/step-00000003/model"));
        cluster.await(job, j -> j.getStep() == 3);
        Thread.sleep(100);
        long killedNs = System.nanoTime();
        ranks.get(1).die();
        ranks.get(0).failed(FailureKind.WORLD, "rank 1 is late in all-gather model.layers.1");
        host.exited(first, 1, 137, "");
        StartRanks second = host.awaitStart();
        assertThat(System.nanoTime() - killedNs).isLessThan(TimeUnit.SECONDS.toNanos(2));
        assertThat(second.getGeneration()).isEqualTo(2);
        assertThat(host.stops).extracting("generation").containsExactly(1L);
        assertThat(cluster.job(job).getMessage())
                .isEqualTo("rank 1 on host host-a was killed by signal 9 at step 3; restarted from step 2 as generation 2");
        assertThat(Files.exists(root.resolve("out/checkpoints/step-00000003"))).isFalse();
        List<FakeRank> again = cluster.prepareAll(host, second, 4);
        assertThat(again.get(0).awaitJoined().getResume().getStep()).isEqualTo(2);
        again.get(0).step(3);
        again.get(0).step(4);
        finish(again, 4);
        host.exited(second, 0, 0, "");
        host.exited(second, 1, 0, "");
        cluster.awaitState(job, JobState.SUCCEEDED);
        assertThat(watched.get(10, TimeUnit.SECONDS).stream().flatMap(n -> n.getStepsList().stream()).map(StepMetrics::getStep))
                .containsExactly(1L, 2L, 3L, 4L);
    }

    @Test
    void shouldFailTheJobWhenTheCauseIsTheCallers() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        List<FakeRank> ranks = cluster.joinAll(host, host.awaitStart());
        ranks.get(0).failed(FailureKind.CALLER, "data.txt has 3 tokens, fewer than --max_length=8; add text.");
        Job failed = cluster.awaitState(job, JobState.FAILED);
        assertThat(failed.getMessage()).startsWith("data.txt has 3 tokens, fewer than --max_length=8; add text;");
        assertThat(host.starts).isEmpty();
    }

    @Test
    void shouldGiveUpAfterAttemptsWithoutACheckpoint() throws Exception {
        Job job = cluster.submit(cluster.spec(1).setMaxRestarts(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        host.exited(host.awaitStart(), 0, 1, "out of memory");
        host.exited(host.awaitStart(), 0, 1, "out of memory");
        assertThat(cluster.awaitState(job, JobState.FAILED).getMessage())
                .isEqualTo("rank 0 on host host-a exited with status 1; its last words: out of memory; "
                        + "given up after 2 attempts in a row without a new checkpoint (--max_restarts=1)");
    }

    @Test
    void shouldCancelARunningJobOnceItsAgentHasCleared() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        host.answersStops = false;
        cluster.prepareAll(host, host.awaitStart(), 4);
        cluster.awaitState(job, JobState.RUNNING);
        CompletableFuture<Job> cancelled = CompletableFuture.supplyAsync(() -> cluster.jobs
                .cancelJob(CancelJobRequest.newBuilder().setJobId(job.getJobId()).build()).getJob());
        cluster.awaitState(job, JobState.STOPPING);
        assertThat(cancelled).isNotDone();
        for (int i = 0; i < 500 && host.stops.isEmpty(); i++) { Thread.sleep(10); }
        host.clear(host.stops.getFirst());
        assertThat(cancelled.get(5, TimeUnit.SECONDS).getState()).isEqualTo(JobState.CANCELLED);
    }

    @Test
    void shouldMoveToAnotherHostWhenOneIsLost() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var lost = new FakeHost(cluster.channel, "a", 1);
        cluster.prepareAll(lost, lost.awaitStart(), 4);
        cluster.awaitState(job, JobState.RUNNING);
        lost.die();
        Job waiting = cluster.await(job, j -> j.getState() == JobState.QUEUED);
        assertThat(waiting.getMessage()).startsWith("host host-a with rank 0 was lost").contains("waiting for 1 free slots");
        var other = new FakeHost(cluster.channel, "b", 1);
        assertThat(other.awaitStart().getGeneration()).isEqualTo(2);
    }

    @Test
    void shouldKeepACopyOfAHybridOnEachHost() throws Exception {
        Job job = cluster.submit(cluster.spec(4).setShardingStrategy(ShardingStrategy.HYBRID_SHARD));
        var ranks = new ArrayList<FakeRank>();
        for (FakeHost host : List.of(new FakeHost(cluster.channel, "a", 2), new FakeHost(cluster.channel, "b", 2))) {
            StartRanks start = host.awaitStart();
            for (int rank : start.getRanksList()) { ranks.add(new FakeRank(cluster.channel, start, host.id, rank)); }
        }
        JoinResponse joined = ranks.getLast().awaitJoined();
        assertThat(ShardPlanCodec.fromProto(joined.getPlan()).sharding()).isEqualTo(new Sharding(ShardingStrategy.HYBRID_SHARD, 4, 2));
        assertThat(joined.getTransport()).isEqualTo(Transport.AERON);
        assertThat(cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(job.getJobId()).build()).getJob().getState())
                .isEqualTo(JobState.CANCELLED);
    }

    @Test
    void shouldAbandonACheckpointThatARankCannotWriteAndTrainOn() throws Exception {
        Job job = cluster.submit(cluster.spec(2));
        var host = new FakeHost(cluster.channel, "a", 2);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        ranks.get(0).vote(2);
        ranks.get(1).cannotWrite(2, "disk full");
        assertThat(ranks.get(0).commands.poll(5, TimeUnit.SECONDS).getCheckpointAbandoned().getReason())
                .isEqualTo("rank 1 could not write: disk full");
        assertThat(cluster.awaitState(job, JobState.RUNNING).getLastCheckpointStep()).isZero();
        assertThat(checkpoints().newest()).isEmpty();
    }

    @Test
    void shouldKeepTheNewestCheckpointsOnly() throws Exception {
        cluster.submit(cluster.spec(1).setSaveTotalLimit(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        vote(ranks, 1);
        ranks.getFirst().readBack(1, "");
        vote(ranks, 2);
        vote(ranks, 3);
        Thread.sleep(100);
        assertThat(checkpoints().committed()).as("none of the newer ones is verified").extracting("step").containsExactly(1L, 2L, 3L);
        ranks.getFirst().readBack(2, "");
        for (int i = 0; i < 100 && Files.exists(root.resolve("out/checkpoints/step-00000001")); i++) {
            Thread.sleep(20);
        }
        assertThat(checkpoints().committed()).extracting("step").containsExactly(2L, 3L);
        assertThat(root.resolve("out/checkpoints/step-00000002/verified.json")).content().contains("verified_at");
    }

    @Test
    void shouldEndOnlyOnceTheLastCheckpointHasBeenReadBack() throws Exception {
        Job job = cluster.submit(cluster.spec(2));
        var host = new FakeHost(cluster.channel, "a", 2);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        vote(ranks, 4);
        ranks.get(0).readBack(4, "");
        ranks.get(0).finished();
        Thread.sleep(200);
        assertThat(cluster.job(job).getState()).isEqualTo(JobState.RUNNING);
        assertThat(root.resolve("out/checkpoints/step-00000004/verified.json")).doesNotExist();
        ranks.get(1).readBack(4, "");
        ranks.get(1).finished();
        cluster.await(job, j -> j.getMessage().startsWith("trained"));
        assertThat(root.resolve("out/checkpoints/step-00000004/verified.json")).exists();
    }

    @Test
    void shouldSetAsideWhatReadsBackWrongAndSaySo() throws Exception {
        Job job = cluster.submit(cluster.spec(2).setSaveTotalLimit(1));
        CompletableFuture<List<WatchJobResponse>> watched = watch(job);
        var host = new FakeHost(cluster.channel, "a", 2);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        vote(ranks, 2);
        ranks.forEach(r -> r.readBack(2, ""));
        vote(ranks, 4);
        ranks.get(0).readBack(4, "");
        ranks.get(1).readBack(4, "rank 1 reads shard-00002 other than it was written: bytes 0 to 1048575");
        assertThat(cluster.await(job, j -> j.getLastCheckpointStep() == 2).getLastCheckpointStep()).isEqualTo(2);
        ranks.forEach(FakeRank::finished);
        // Trained to the end, but of the end nothing is kept: the job goes on from the newest good one.
        StartRanks again = host.awaitStart();
        assertThat(cluster.joinAll(host, again).getFirst().awaitJoined().getResume().getStep()).isEqualTo(2);
        assertThat(root.resolve("out/checkpoints/step-00000004/manifest.damaged.json")).exists();
        assertThat(root.resolve("out/checkpoints/step-00000004/manifest.json")).doesNotExist();
        assertThat(cluster.job(job).getMessage()).contains("of the last step 4 there is no checkpoint, for it was found damaged: rank 1 reads")
                .contains("restarted from step 2");
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(job.getJobId()).build());
        assertThat(watched.get(10, TimeUnit.SECONDS).stream().flatMap(n -> n.getNotesList().stream()))
                .anyMatch(n -> n.startsWith("checkpoint step-00000004 is damaged") && n.contains("bytes 0 to 1048575")
                        && n.endsWith("the newest is now of step 2"));
    }

    @Test
    void shouldFallBackToTheCheckpointBeforeOneThatRanksFindCorrupt() throws Exception {
        Job job = cluster.submit(cluster.spec(1).setMaxRestarts(1));
        CompletableFuture<List<WatchJobResponse>> watched = watch(job);
        var host = new FakeHost(cluster.channel, "a", 1);
        StartRanks first = host.awaitStart();
        List<FakeRank> ranks = cluster.prepareAll(host, first, 9);
        for (long step = 1; step <= 4; step++) { vote(ranks, step); }
        host.exited(first, 0, 137, "");
        for (long step = 4; step >= 2; step--) {
            FakeRank rank = cluster.joinAll(host, host.awaitStart()).getFirst();
            assertThat(rank.awaitJoined().getResume().getStep()).isEqualTo(step);
            rank.foundCorrupt("rank 0: shard-00001 of step " + step + " is corrupt");
        }
        List<FakeRank> last = cluster.prepareAll(host, host.awaitStart(), 9);
        assertThat(last.getFirst().awaitJoined().getResume().getStep()).isEqualTo(1);
        cluster.awaitState(job, JobState.RUNNING);
        // Going on from it proves it sound.
        for (int i = 0; i < 100 && !Files.exists(root.resolve("out/checkpoints/step-00000001/verified.json")); i++) { Thread.sleep(20); }
        assertThat(root.resolve("out/checkpoints/step-00000001/verified.json")).exists();
        last.getFirst().foundCorrupt("no reason while training");
        cluster.await(job, j -> j.getGeneration() == 6);
        assertThat(checkpoints().committed()).extracting("step").containsExactly(1L);
        FakeRank rank = cluster.joinAll(host, host.awaitStart()).getFirst();
        rank.foundCorrupt("rank 0: shard-00001 of step 1 is corrupt");
        assertThat(cluster.awaitState(job, JobState.FAILED).getMessage()).contains("holds no checkpoint to go on from")
                .contains("step-00000004 was found damaged").contains("step-00000001 was found damaged");
        assertThat(watched.get(10, TimeUnit.SECONDS).stream().flatMap(n -> n.getNotesList().stream()))
                .anyMatch(n -> n.contains("step-00000003 is damaged") && n.contains("the newest is now of step 2"));
    }

    @Test
    void shouldNotReplaceACheckpointThatWasNamed() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 9);
        vote(ranks, 1);
        vote(ranks, 2);
        cluster.jobs.cancelJob(CancelJobRequest.newBuilder().setJobId(job.getJobId()).build());
        Job named = cluster.submit(cluster.spec(1).setResumeFromCheckpoint(root.resolve("out/checkpoints/step-00000002").toString()));
        FakeRank rank = cluster.joinAll(host, host.awaitStart()).getFirst();
        assertThat(rank.awaitJoined().getResume().getStep()).isEqualTo(2);
        rank.foundCorrupt("rank 0: shard-00001 is corrupt");
        assertThat(cluster.awaitState(named, JobState.FAILED).getMessage())
                .startsWith("rank 0: shard-00001 is corrupt; no other checkpoint is taken in place of one that was named");
        assertThat(checkpoints().committed()).extracting("step").containsExactly(1L, 2L);
    }

    @Test
    void shouldTellARankThatSavesWhatTheOthersGaveUp() throws Exception {
        cluster.submit(cluster.spec(2));
        var host = new FakeHost(cluster.channel, "a", 2);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        ranks.get(1).cannotWrite(2, "the save of step 1 is not over");
        for (FakeRank r : ranks) { assertThat(r.commands.poll(5, TimeUnit.SECONDS).getCheckpointAbandoned().getStep()).isEqualTo(2); }
        ranks.get(0).vote(2);
        assertThat(ranks.get(0).commands.poll(5, TimeUnit.SECONDS).getCheckpointAbandoned().getReason())
                .isEqualTo("rank 1 could not write: the save of step 1 is not over");
        vote(ranks, 3);
    }

    @Test
    void shouldRequeueARunningJobWhenTheCoordinatorRestarts() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        List<FakeRank> ranks = cluster.prepareAll(host, host.awaitStart(), 4);
        vote(ranks, 2);
        cluster.restart();
        assertThat(host.stops).hasSize(1);
        assertThat(cluster.job(job).getState()).isEqualTo(JobState.QUEUED);
        var back = new FakeHost(cluster.channel, "a", 1);
        StartRanks start = back.awaitStart();
        assertThat(start.getGeneration()).isEqualTo(2);
        assertThat(cluster.joinAll(back, start).getFirst().awaitJoined().getResume().getStep()).isEqualTo(2);
    }

    @Test
    void shouldRefuseARankOfAnOlderGeneration() throws Exception {
        Job job = cluster.submit(cluster.spec(1));
        var host = new FakeHost(cluster.channel, "a", 1);
        StartRanks first = host.awaitStart();
        host.exited(first, 0, 139, "");
        host.awaitStart();
        var left = new FakeRank(cluster.channel, first, "a", 0);
        assertThatThrownBy(left::awaitJoined).hasMessageContaining("FAILED_PRECONDITION").hasMessageContaining("must exit");
        assertThat(cluster.job(job).getState()).isEqualTo(JobState.STARTING);
    }

    private CheckpointDirectory checkpoints() {
        return new CheckpointDirectory(StoragePath.of(root.resolve("out/checkpoints")));
    }

    private CompletableFuture<List<WatchJobResponse>> watch(Job job) {
        var stream = cluster.jobs.watchJob(WatchJobRequest.newBuilder().setJobId(job.getJobId()).build());
        return CompletableFuture.supplyAsync(() -> {
            var all = new ArrayList<WatchJobResponse>();
            stream.forEachRemaining(all::add);
            return all;
        });
    }

    private static void vote(List<FakeRank> ranks, long step) throws Exception {
        for (FakeRank r : ranks) {
            r.vote(step);
        }
        for (FakeRank r : ranks) {
            assertThat(r.awaitCommitted().getStep()).isEqualTo(step);
        }
    }

    private static void finish(List<FakeRank> ranks, long step) throws Exception {
        vote(ranks, step);
        for (FakeRank r : ranks) {
            r.readBack(step, "");
            r.finished();
            r.leave();
        }
    }
}
