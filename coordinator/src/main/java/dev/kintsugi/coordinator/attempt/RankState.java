package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.membership.Agent;
import dev.kintsugi.coordinator.membership.RankLink;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.Prepared;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankFinished;
import dev.kintsugi.proto.v1.RankHeartbeat;

/// What is known of one rank of an attempt. Owned by the control loop; null is what has not happened yet.
final class RankState {
    final int rank;
    final Agent agent;
    JoinRequest join;
    JoinReply joinReply;
    RankLink link;
    Prepared prepared;
    RankFinished finished;
    RankHeartbeat heartbeat = RankHeartbeat.getDefaultInstance();
    long heardNs;
    boolean exited;

    RankState(int rank, Agent agent) {
        this.rank = rank;
        this.agent = agent;
    }

    String host() {
        return agent.host();
    }

    void send(RankCommand command) {
        if (link != null) { link.send(command); }
    }
}
