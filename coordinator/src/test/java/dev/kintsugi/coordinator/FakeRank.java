package dev.kintsugi.coordinator;

import com.google.common.util.concurrent.ListenableFuture;
import dev.kintsugi.proto.v1.CheckpointCommitted;
import dev.kintsugi.proto.v1.CheckpointVerified;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.proto.v1.Hello;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.Prepared;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankFailed;
import dev.kintsugi.proto.v1.RankFinished;
import dev.kintsugi.proto.v1.RankHeartbeat;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.RankServiceGrpc;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.StepCompleted;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// A rank that says what a rank says and computes nothing. Its shard files are a few bytes of text.
final class FakeRank {
    final int rank;
    final BlockingQueue<RankCommand> commands = new LinkedBlockingQueue<>();
    private final ManagedChannel channel;
    private final StartRanks start;
    private final ListenableFuture<JoinResponse> join;
    private JoinResponse joined;
    private StreamObserver<RankEvent> out;

    FakeRank(ManagedChannel channel, StartRanks start, String hostId, int rank) {
        this.channel = channel;
        this.start = start;
        this.rank = rank;
        join = RankServiceGrpc.newFutureStub(channel).join(JoinRequest.newBuilder().setJobId(start.getJobId())
                .setGeneration(start.getGeneration()).setRank(rank).setHost(hostId).setDataEndpoint("127.0.0.1:" + (9000 + rank))
                .setPid(rank).build());
    }

    JoinResponse awaitJoined() throws Exception {
        joined = join.get(10, TimeUnit.SECONDS);
        return joined;
    }

    void attend() {
        out = RankServiceGrpc.newStub(channel).attend(new StreamObserver<>() {
            @Override
            public void onNext(RankCommand command) {
                commands.add(command);
            }

            @Override
            public void onError(Throwable error) {}

            @Override
            public void onCompleted() {}
        });
        send(RankEvent.newBuilder().setHello(Hello.newBuilder().setJobId(start.getJobId()).setGeneration(start.getGeneration())
                .setRank(rank)));
    }

    void prepared(long maxSteps) {
        send(RankEvent.newBuilder().setPrepared(Prepared.newBuilder().setMaxSteps(maxSteps).setParametersDigest("same")
                .setMemory(RankMemory.newBuilder().setPeakBytes(100 + rank))));
    }

    void heartbeat(long step, String doing) {
        send(RankEvent.newBuilder().setHeartbeat(RankHeartbeat.newBuilder().setStep(step).setDoing(doing)));
    }

    void step(long step) {
        send(RankEvent.newBuilder().setStepCompleted(StepCompleted.newBuilder().setMetrics(StepMetrics.newBuilder().setStep(step)
                .setLoss(1.0 / step))));
    }

    void vote(long step) throws IOException {
        Path directory = Path.of(joined.getSpec().getOutputDir(), "checkpoints", CheckpointLayout.stepDirectory(step));
        var vote = CheckpointVote.newBuilder().setStep(step).setState(TrainingState.newBuilder().setStep(step)
                .setSamplesSeen(step * 2).setMicrobatchesPerStep(joined.getSpec().getMicrobatchesPerStep()).setSeed(42)
                .setDatasetDigest("d"));
        for (String path : new String[] {CheckpointLayout.modelFile(rank), CheckpointLayout.optimizerFile(rank)}) {
            Path file = directory.resolve(path);
            Files.createDirectories(file.getParent());
            Files.writeString(file, "shard");
            vote.addFiles(ShardFile.newBuilder().setPath(path).setBytes(5).setSha256("ab".repeat(32)));
        }
        send(RankEvent.newBuilder().setCheckpointVote(vote));
    }

    /// @param failure empty: all came back as it was written
    void readBack(long step, String failure) {
        send(RankEvent.newBuilder().setCheckpointVerified(CheckpointVerified.newBuilder().setStep(step).setFailure(failure)));
    }

    void cannotWrite(long step, String why) {
        send(RankEvent.newBuilder().setCheckpointVote(CheckpointVote.newBuilder().setStep(step).setFailure(why)));
    }

    void failed(FailureKind kind, String message) {
        send(RankEvent.newBuilder().setFailed(RankFailed.newBuilder().setKind(kind).setMessage(message)));
    }

    void foundCorrupt(String message) {
        send(RankEvent.newBuilder().setFailed(RankFailed.newBuilder().setKind(FailureKind.WORLD).setMessage(message).setCode("corrupt_shard")));
    }

    void finished() {
        send(RankEvent.newBuilder().setFinished(RankFinished.newBuilder().setWeightsDigest("w")
                .setMemory(RankMemory.newBuilder().setPeakBytes(200 + rank))));
    }

    /// The stream breaks, as when the process is killed.
    void die() {
        out.onError(new RuntimeException("killed"));
    }

    void leave() {
        out.onCompleted();
    }

    CheckpointCommitted awaitCommitted() throws InterruptedException {
        RankCommand command = commands.poll(10, TimeUnit.SECONDS);
        if (command == null || !command.hasCheckpointCommitted()) { throw new AssertionError("rank %d got %s".formatted(rank, command)); }
        return command.getCheckpointCommitted();
    }

    private void send(RankEvent.Builder event) {
        out.onNext(event.build());
    }
}
