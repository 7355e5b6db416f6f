package dev.kintsugi.coordinator;

import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AgentServiceGrpc;
import dev.kintsugi.proto.v1.AttemptCleared;
import dev.kintsugi.proto.v1.RankExited;
import dev.kintsugi.proto.v1.Register;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.StopAttempt;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// An agent that starts nothing: tests play its ranks with [FakeRank] and say when one exits.
final class FakeHost {
    final String id;
    final BlockingQueue<StartRanks> starts = new LinkedBlockingQueue<>();
    final List<StopAttempt> stops = new CopyOnWriteArrayList<>();
    volatile boolean answersStops = true;
    private final StreamObserver<AgentEvent> out;

    FakeHost(ManagedChannel channel, String id, int slots) {
        this.id = id;
        out = AgentServiceGrpc.newStub(channel).attend(new StreamObserver<>() {
            @Override
            public void onNext(AgentCommand command) {
                receive(command);
            }

            @Override
            public void onError(Throwable error) {}

            @Override
            public void onCompleted() {}
        });
        send(AgentEvent.newBuilder().setRegister(Register.newBuilder().setAgentId(id).setHost("host-" + id).setSlots(slots)
                .setAddress("127.0.0.1")));
    }

    private void receive(AgentCommand command) {
        if (command.hasStartRanks()) { starts.add(command.getStartRanks()); }
        if (command.hasStopAttempt()) {
            stops.add(command.getStopAttempt());
            if (answersStops) { clear(command.getStopAttempt()); }
        }
    }

    void clear(StopAttempt stop) {
        send(AgentEvent.newBuilder().setAttemptCleared(AttemptCleared.newBuilder().setJobId(stop.getJobId())
                .setGeneration(stop.getGeneration())));
    }

    StartRanks awaitStart() throws InterruptedException {
        StartRanks start = starts.poll(10, TimeUnit.SECONDS);
        if (start == null) { throw new AssertionError("agent %s was told to start nothing within 10 s".formatted(id)); }
        return start;
    }

    void exited(StartRanks start, int rank, int status, String lastWords) {
        send(AgentEvent.newBuilder().setRankExited(RankExited.newBuilder().setJobId(start.getJobId())
                .setGeneration(start.getGeneration()).setRank(rank).setExitStatus(status).setLastWords(lastWords)));
    }

    void die() {
        synchronized (out) {
            out.onError(new RuntimeException("killed"));
        }
    }

    private void send(AgentEvent.Builder event) {
        synchronized (out) {
            out.onNext(event.build());
        }
    }
}
