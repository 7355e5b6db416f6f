package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.attempt.JoinReply;
import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.control.Membership;
import dev.kintsugi.coordinator.membership.RankLink;
import dev.kintsugi.proto.v1.Hello;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;

/// The ranks' joins and streams.
public final class RankApi extends RankServiceGrpc.RankServiceImplBase {
    private final ControlLoop loop;
    private final Membership membership;

    public RankApi(ControlLoop loop, Membership membership) {
        this.loop = loop;
        this.membership = membership;
    }

    @Override
    public void join(JoinRequest request, StreamObserver<JoinResponse> out) {
        var stream = new OutboundStream<>(out);
        loop.execute(() -> membership.join(request, new JoinReply() {
            @Override
            public void accept(JoinResponse response) {
                stream.send(response);
                stream.complete();
            }

            @Override
            public void refuse(String reason) {
                stream.fail(Status.FAILED_PRECONDITION.withDescription(reason));
            }
        }));
    }

    @Override
    public StreamObserver<RankEvent> attend(StreamObserver<RankCommand> out) {
        var session = new Session(new OutboundStream<>(out));
        return new StreamObserver<>() {
            @Override
            public void onNext(RankEvent event) {
                loop.execute(() -> session.event(event));
            }

            @Override
            public void onError(Throwable error) {
                loop.execute(session::ended);
            }

            @Override
            public void onCompleted() {
                loop.execute(session::ended);
            }
        };
    }

    /// One stream. Lives on the control loop.
    private final class Session implements RankLink {
        private final OutboundStream<RankCommand> out;
        private Hello hello;
        private boolean closed;

        Session(OutboundStream<RankCommand> out) {
            this.out = out;
        }

        void event(RankEvent event) {
            if (closed) { return; }
            if (hello != null) {
                membership.rankEvent(hello, event);
            } else if (event.hasHello()) {
                hello = event.getHello();
                membership.attach(hello, this);
            } else {
                close("the first event must be Hello");
            }
        }

        void ended() {
            if (hello != null && !closed) { membership.rankStreamEnded(hello, this); }
            out.complete();
        }

        @Override
        public void send(RankCommand command) {
            out.send(command);
        }

        @Override
        public void close(String reason) {
            closed = true;
            out.fail(Status.FAILED_PRECONDITION.withDescription(reason));
        }
    }
}
