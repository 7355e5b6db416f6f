package dev.kintsugi.worker.agent;

import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AgentServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/// One stream to the coordinator, from its opening to its end. The listener is called from gRPC's threads.
final class CoordinatorLink implements AutoCloseable {
    private final ManagedChannel channel;
    private final StreamObserver<AgentEvent> out;
    private final AtomicBoolean ended = new AtomicBoolean();

    /// See [CoordinatorLink].
    interface Listener {
        void received(AgentCommand command);

        /// Once, and last.
        void lost(String reason);
    }

    CoordinatorLink(String host, int port, Listener listener) {
        channel = ManagedChannelBuilder.forAddress(host, port).usePlaintext().build();
        out = AgentServiceGrpc.newStub(channel).attend(new StreamObserver<>() {
            @Override
            public void onNext(AgentCommand command) {
                listener.received(command);
            }

            @Override
            public void onError(Throwable t) {
                end(listener, reason(Status.fromThrowable(t)));
            }

            @Override
            public void onCompleted() {
                end(listener, "it ended the stream");
            }
        });
    }

    private void end(Listener listener, String reason) {
        if (ended.compareAndSet(false, true)) { listener.lost(reason); }
    }

    private static String reason(Status status) {
        String cause = status.getCause() == null ? "" : ": " + status.getCause().getMessage();
        return status.getCode() + (status.getDescription() == null ? "" : " " + status.getDescription()) + cause;
    }

    /// Dropped when the stream has ended: the coordinator then counts everything here as lost.
    synchronized void send(AgentEvent event) {
        if (ended.get()) { return; }
        try {
            out.onNext(event);
        } catch (IllegalStateException _) {
            // Half-closed between the check and the call.
        }
    }

    @Override
    public synchronized void close() {
        ended.set(true);
        try {
            out.onCompleted();
        } catch (IllegalStateException _) {
            // It had ended by itself.
        }
        channel.shutdown();
        try {
            if (!channel.awaitTermination(1, TimeUnit.SECONDS)) { channel.shutdownNow(); }
        } catch (InterruptedException _) {
            channel.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
