package dev.kintsugi.worker.agent;

import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AgentServiceGrpc;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.StopAttempt;
import dev.kintsugi.proto.v1.Welcome;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// A coordinator that welcomes agents, keeps what they report, and says what the test wants.
final class FakeCoordinator extends AgentServiceGrpc.AgentServiceImplBase implements AutoCloseable {
    private final Server server;
    private final BlockingQueue<AgentEvent> events = new LinkedBlockingQueue<>();
    private volatile StreamObserver<AgentCommand> agent;

    FakeCoordinator(int port) throws IOException {
        server = ServerBuilder.forPort(port).addService(this).build().start();
    }

    int port() {
        return server.getPort();
    }

    @Override
    public StreamObserver<AgentEvent> attend(StreamObserver<AgentCommand> commands) {
        return new StreamObserver<>() {
            @Override
            public void onNext(AgentEvent event) {
                if (event.hasRegister()) {
                    agent = commands;
                    commands.onNext(AgentCommand.newBuilder().setWelcome(Welcome.newBuilder().setCoordinatorVersion("test")).build());
                }
                events.add(event);
            }

            @Override
            public void onError(Throwable t) {}

            @Override
            public void onCompleted() {
                commands.onCompleted();
            }
        };
    }

    void start(String job, long generation, String logDirectory, Integer... ranks) {
        agent.onNext(AgentCommand.newBuilder().setStartRanks(StartRanks.newBuilder().setJobId(job).setGeneration(generation)
                .addAllRanks(List.of(ranks)).setWorldSize(ranks.length).setLogDir(logDirectory)).build());
    }

    void stop(String job, long generation, int graceMs) {
        agent.onNext(AgentCommand.newBuilder().setStopAttempt(StopAttempt.newBuilder().setJobId(job).setGeneration(generation)
                .setGraceMs(graceMs)).build());
    }

    void endStream() {
        agent.onCompleted();
    }

    /// The next event of a kind; others before it are dropped.
    AgentEvent await(Predicate<AgentEvent> kind) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (true) {
            AgentEvent event = events.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (event == null) { throw new AssertionError("no such event within 20 s"); }
            if (kind.test(event)) { return event; }
        }
    }

    @Override
    public void close() throws InterruptedException {
        server.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
}
