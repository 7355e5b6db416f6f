package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.CollectiveEntry;
import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.proto.v1.Hello;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.Note;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankFailed;
import dev.kintsugi.proto.v1.RankHeartbeat;
import dev.kintsugi.proto.v1.RankServiceGrpc;
import dev.kintsugi.worker.collective.Journal;
import dev.kintsugi.worker.failure.WorldException;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// A rank's two-way line to the coordinator: join once, then events out and commands in, with a heartbeat from a thread of its own.
///
/// The stream's end, whoever ends it, ends the rank: without a coordinator there is nobody to commit its checkpoints.
final class CoordinatorLink implements AutoCloseable {
    private static final long HEARTBEAT_MS = 500;
    private static final long JOIN_TIMEOUT_S = 150;
    private static final int REPORTED_COLLECTIVES = 8;

    private final RankArguments arguments;
    private final ManagedChannel channel;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final AtomicBoolean closing = new AtomicBoolean();
    private StreamObserver<RankEvent> events;
    private Thread heartbeat;

    /// What a heartbeat says; read from its thread.
    interface Pulse {
        long step();

        String doing();

        List<Journal.Entry> journal();
    }

    CoordinatorLink(RankArguments arguments) {
        this.arguments = arguments;
        this.channel = ManagedChannelBuilder.forTarget(arguments.coordinator()).usePlaintext().maxInboundMessageSize(256 << 20).build();
    }

    /// Returns when all ranks of the generation have joined.
    JoinResponse join(String dataEndpoint) {
        return RankServiceGrpc.newBlockingStub(channel).withDeadlineAfter(JOIN_TIMEOUT_S, TimeUnit.SECONDS)
                .join(JoinRequest.newBuilder().setJobId(arguments.jobId()).setGeneration(arguments.generation())
                        .setRank(arguments.rank()).setHost(arguments.hostId()).setDataEndpoint(dataEndpoint)
                        .setPid(ProcessHandle.current().pid()).build());
    }

    /// @param onCommand called from a gRPC thread
    /// @param onLost called once if the stream ends before [#close]
    void attend(Consumer<RankCommand> onCommand, Runnable onLost, Pulse pulse) {
        events = RankServiceGrpc.newStub(channel).attend(new StreamObserver<>() {
            @Override
            public void onNext(RankCommand command) {
                onCommand.accept(command);
            }

            @Override
            public void onError(Throwable t) {
                end();
            }

            @Override
            public void onCompleted() {
                end();
            }

            private void end() {
                ended.countDown();
                if (!closing.get()) { onLost.run(); }
            }
        });
        send(RankEvent.newBuilder().setHello(Hello.newBuilder().setJobId(arguments.jobId()).setGeneration(arguments.generation())
                .setRank(arguments.rank())));
        heartbeat = Thread.ofPlatform().daemon().name("heartbeat").start(() -> beat(pulse));
    }

    private void beat(Pulse pulse) {
        try {
            while (!ended.await(HEARTBEAT_MS, TimeUnit.MILLISECONDS)) {
                var beat = RankHeartbeat.newBuilder().setStep(pulse.step()).setDoing(pulse.doing());
                List<Journal.Entry> journal = pulse.journal();
                for (Journal.Entry e : journal.subList(Math.max(0, journal.size() - REPORTED_COLLECTIVES), journal.size())) {
                    beat.addJournal(CollectiveEntry.newBuilder().setStep(e.step()).setSequence(e.sequence()).setKind(e.kind())
                            .setUnit(e.unit()).setEnteredNs(e.enteredNs()).setLeftNs(e.leftNs()));
                }
                send(RankEvent.newBuilder().setHeartbeat(beat));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// From any thread.
    synchronized void send(RankEvent.Builder event) {
        if (events == null || closing.get() || ended.getCount() == 0) { return; }
        try {
            events.onNext(event.build());
        } catch (IllegalStateException e) {
            ended.countDown();      // the stream ended under us; onLost has been or will be called
        }
    }

    void note(String text) {
        send(RankEvent.newBuilder().setNote(Note.newBuilder().setText(text)));
    }

    void failed(FailureKind kind, String message) {
        send(RankEvent.newBuilder().setFailed(RankFailed.newBuilder().setKind(kind).setMessage(message)));
    }

    void failed(WorldException e) {
        send(RankEvent.newBuilder().setFailed(RankFailed.newBuilder().setKind(FailureKind.WORLD).setMessage(e.getMessage()).setCode(e.code())));
    }

    /// Says goodbye, and waits shortly for the coordinator to have heard everything.
    @Override
    public void close() {
        synchronized (this) {
            if (!closing.compareAndSet(false, true)) { return; }
            if (events != null && ended.getCount() > 0) { events.onCompleted(); }
        }
        try {
            if (events != null) { ended.await(3, TimeUnit.SECONDS); }
            if (heartbeat != null) { heartbeat.interrupt(); }
            channel.shutdownNow().awaitTermination(2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
