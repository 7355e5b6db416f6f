package dev.kintsugi.coordinator.membership;

import dev.kintsugi.coordinator.scheduler.GangScheduler.Host;
import dev.kintsugi.proto.v1.Register;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The agents that are here now. Only the control loop touches it.
public final class Agents {
    /// An agent that is gone, and why.
    public record Lost(Agent agent, String reason) {}

    private final Map<String, Agent> byId = new LinkedHashMap<>();

    /// @return the agent of the same id that this one replaces: its stream had not ended yet, but its process has
    public Optional<Lost> register(Register registration, AgentLink link, long nowNs) {
        Optional<Agent> old = Optional.ofNullable(byId.remove(registration.getAgentId()));
        old.ifPresent(a -> a.close("agent %s registered again".formatted(a.id())));
        byId.put(registration.getAgentId(), new Agent(registration, link, nowNs));
        return old.map(a -> new Lost(a, "was started again"));
    }

    public Optional<Agent> find(String agentId) {
        return Optional.ofNullable(byId.get(agentId));
    }

    /// @return the agent, unless `link` is that of one that was replaced
    public Optional<Agent> heard(String agentId, AgentLink link, long nowNs) {
        Optional<Agent> agent = find(agentId).filter(a -> a.isLink(link));
        agent.ifPresent(a -> a.heard(nowNs));
        return agent;
    }

    public Optional<Lost> streamEnded(String agentId, AgentLink link) {
        Optional<Agent> agent = find(agentId).filter(a -> a.isLink(link));
        agent.ifPresent(a -> byId.remove(a.id()));
        return agent.map(a -> new Lost(a, "closed its connection"));
    }

    /// Removes and returns those that have been silent for too long.
    public List<Lost> expire(long nowNs) {
        var lost = new ArrayList<Lost>();
        for (Agent a : List.copyOf(byId.values())) {
            Liveness.lost(a.heardNs(), nowNs, Liveness.AGENT_SILENCE_MAX).ifPresent(why -> {
                byId.remove(a.id());
                a.close("agent %s %s".formatted(a.id(), why));
                lost.add(new Lost(a, why));
            });
        }
        return lost;
    }

    public List<Host> hosts() {
        return byId.values().stream().map(a -> new Host(a.id(), a.freeSlots())).toList();
    }

    /// The largest number of slots that one host has; empty while there is no agent.
    public Optional<Integer> slotsMax() {
        return byId.values().stream().map(Agent::slots).max(Integer::compare);
    }

    /// @return how many there were
    public int closeAll(String reason) {
        int count = byId.size();
        byId.values().forEach(a -> a.close(reason));
        byId.clear();
        return count;
    }
}
