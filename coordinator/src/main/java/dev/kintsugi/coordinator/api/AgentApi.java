package dev.kintsugi.coordinator.api;

import dev.kintsugi.coordinator.control.ControlLoop;
import dev.kintsugi.coordinator.control.Membership;
import dev.kintsugi.coordinator.membership.AgentLink;
import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AgentServiceGrpc;
import dev.kintsugi.proto.v1.Register;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;

/// The agents' streams.
public final class AgentApi extends AgentServiceGrpc.AgentServiceImplBase {
    private final ControlLoop loop;
    private final Membership membership;

    public AgentApi(ControlLoop loop, Membership membership) {
        this.loop = loop;
        this.membership = membership;
    }

    @Override
    public StreamObserver<AgentEvent> attend(StreamObserver<AgentCommand> out) {
        var session = new Session(new OutboundStream<>(out));
        return new StreamObserver<>() {
            @Override
            public void onNext(AgentEvent event) {
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
    private final class Session implements AgentLink {
        private final OutboundStream<AgentCommand> out;
        private String agentId = "";

        Session(OutboundStream<AgentCommand> out) {
            this.out = out;
        }

        void event(AgentEvent event) {
            if (!agentId.isEmpty()) {
                membership.agentEvent(agentId, this, event);
            } else if (event.hasRegister()) {
                register(event.getRegister());
            } else {
                close("the first event must be Register");
            }
        }

        private void register(Register registration) {
            if (registration.getAgentId().isEmpty() || registration.getSlots() < 1) {
                close("Register: agent_id=%s slots=%d; give an id and at least one slot".formatted(registration.getAgentId(),
                        registration.getSlots()));
                return;
            }
            agentId = registration.getAgentId();
            membership.register(registration, this);
        }

        void ended() {
            if (!agentId.isEmpty()) { membership.agentStreamEnded(agentId, this); }
            out.complete();
        }

        @Override
        public void send(AgentCommand command) {
            out.send(command);
        }

        @Override
        public void close(String reason) {
            out.fail(Status.FAILED_PRECONDITION.withDescription(reason));
        }
    }
}
