package dev.kintsugi.coordinator.control;

import dev.kintsugi.coordinator.attempt.Attempt;
import dev.kintsugi.coordinator.attempt.JoinReply;
import dev.kintsugi.coordinator.membership.Agent;
import dev.kintsugi.coordinator.membership.AgentLink;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.coordinator.membership.RankLink;
import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.AgentEvent;
import dev.kintsugi.proto.v1.AttemptCleared;
import dev.kintsugi.proto.v1.Hello;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankExited;
import dev.kintsugi.proto.v1.Register;
import dev.kintsugi.proto.v1.StopAttempt;
import dev.kintsugi.proto.v1.Welcome;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Takes what agents and ranks say to the attempt it is about. Owned by the control loop: every method is called on it.
public final class Membership {
    private static final Logger log = LoggerFactory.getLogger(Membership.class);
    private static final int STALE_GRACE_MS = 1000;

    private final Conductor conductor;
    private final LongSupplier clock;
    private final String version;

    public Membership(Conductor conductor, LongSupplier clock, String version) {
        this.conductor = conductor;
        this.clock = clock;
        this.version = version;
    }

    public void register(Register registration, AgentLink link) {
        conductor.agents().register(registration, link, clock.getAsLong()).ifPresent(conductor::lost);
        link.send(AgentCommand.newBuilder().setWelcome(Welcome.newBuilder().setCoordinatorVersion(version)).build());
        log.info("agent {} on host {} registered with {} slots", registration.getAgentId(), registration.getHost(),
                registration.getSlots());
        Agent agent = conductor.agents().find(registration.getAgentId()).orElseThrow();
        conductor.staleAttempts().forEach(id -> clearStale(agent, id));
        conductor.schedule();
    }

    // Ranks of an earlier coordinator may still hold the slots; the agent's answer frees them.
    private static void clearStale(Agent agent, AttemptId id) {
        agent.lease(id, agent.slots());
        agent.send(AgentCommand.newBuilder().setStopAttempt(StopAttempt.newBuilder().setJobId(id.jobId())
                .setGeneration(id.generation()).setGraceMs(STALE_GRACE_MS)).build());
    }

    public void agentEvent(String agentId, AgentLink link, AgentEvent event) {
        Optional<Agent> agent = conductor.agents().heard(agentId, link, clock.getAsLong());
        if (agent.isEmpty()) { return; }
        switch (event.getEventCase()) {
            case HEARTBEAT -> {}
            case RANK_STARTED -> log.info("{} generation {}: rank {} started as process {} on {}",
                    event.getRankStarted().getJobId(), event.getRankStarted().getGeneration(), event.getRankStarted().getRank(),
                    event.getRankStarted().getPid(), agent.get().host());
            case RANK_EXITED -> rankExited(event.getRankExited());
            case ATTEMPT_CLEARED -> cleared(agent.get(), event.getAttemptCleared());
            case REGISTER, EVENT_NOT_SET -> link.close("agent %s sent an unexpected %s".formatted(agentId, event.getEventCase()));
        }
    }

    private void rankExited(RankExited exited) {
        Attempt attempt = conductor.attempt(exited.getJobId(), exited.getGeneration());
        if (attempt != null) { attempt.rankExited(exited); }
    }

    private void cleared(Agent agent, AttemptCleared cleared) {
        agent.release(new AttemptId(cleared.getJobId(), cleared.getGeneration()));
        Attempt attempt = conductor.attempt(cleared.getJobId(), cleared.getGeneration());
        if (attempt != null) { attempt.cleared(agent.id()); }
        conductor.schedule();
    }

    public void agentStreamEnded(String agentId, AgentLink link) {
        conductor.agents().streamEnded(agentId, link).ifPresent(conductor::lost);
    }

    public void join(JoinRequest request, JoinReply reply) {
        Attempt attempt = conductor.attempt(request.getJobId(), request.getGeneration());
        if (attempt == null) {
            reply.refuse("%s is over or unknown; rank %d is left over and must exit"
                    .formatted(new AttemptId(request.getJobId(), request.getGeneration()), request.getRank()));
        } else {
            attempt.join(request, reply);
        }
    }

    public void attach(Hello hello, RankLink link) {
        Attempt attempt = conductor.attempt(hello.getJobId(), hello.getGeneration());
        if (attempt == null || !attempt.attach(hello.getRank(), link)) {
            link.close("%s does not expect rank %d; it is left over and must exit"
                    .formatted(new AttemptId(hello.getJobId(), hello.getGeneration()), hello.getRank()));
        }
    }

    public void rankEvent(Hello hello, RankEvent event) {
        Attempt attempt = conductor.attempt(hello.getJobId(), hello.getGeneration());
        if (attempt != null) { attempt.rankEvent(hello.getRank(), event); }
    }

    public void rankStreamEnded(Hello hello, RankLink link) {
        Attempt attempt = conductor.attempt(hello.getJobId(), hello.getGeneration());
        if (attempt != null) { attempt.rankStreamEnded(hello.getRank(), link); }
    }
}
