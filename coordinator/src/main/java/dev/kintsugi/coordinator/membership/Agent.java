package dev.kintsugi.coordinator.membership;

import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.Register;
import java.util.HashMap;
import java.util.Map;

/// A host that runs ranks, for the life of its stream. Only the control loop touches it.
public final class Agent {
    private final Register registration;
    private final AgentLink link;
    // Slots stay taken until the agent says that nothing of the attempt is left.
    private final Map<AttemptId, Integer> leases = new HashMap<>();
    private long heardNs;

    Agent(Register registration, AgentLink link, long nowNs) {
        this.registration = registration;
        this.link = link;
        heardNs = nowNs;
    }

    public String id() {
        return registration.getAgentId();
    }

    public String host() {
        return registration.getHost();
    }

    public int slots() {
        return registration.getSlots();
    }

    public int freeSlots() {
        return slots() - leases.values().stream().mapToInt(Integer::intValue).sum();
    }

    public void send(AgentCommand command) {
        link.send(command);
    }

    void close(String reason) {
        link.close(reason);
    }

    boolean isLink(AgentLink other) {
        return link == other;
    }

    public void lease(AttemptId attempt, int slots) {
        leases.put(attempt, slots);
    }

    public void release(AttemptId attempt) {
        leases.remove(attempt);
    }

    void heard(long nowNs) {
        heardNs = nowNs;
    }

    long heardNs() {
        return heardNs;
    }
}
