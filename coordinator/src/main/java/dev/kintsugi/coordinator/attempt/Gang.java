package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.membership.Agent;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.proto.v1.AgentCommand;
import dev.kintsugi.proto.v1.CheckpointAbandoned;
import dev.kintsugi.proto.v1.CheckpointCommitted;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JoinResponse;
import dev.kintsugi.proto.v1.MemoryEstimate;
import dev.kintsugi.proto.v1.MemoryItem;
import dev.kintsugi.proto.v1.Peer;
import dev.kintsugi.proto.v1.RankCommand;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.StartRanks;
import dev.kintsugi.proto.v1.StopAttempt;
import dev.kintsugi.proto.v1.StopRank;
import dev.kintsugi.sharding.architecture.DType;
import dev.kintsugi.sharding.estimate.DataMemory;
import dev.kintsugi.sharding.estimate.MemoryEstimator;
import dev.kintsugi.sharding.optimizer.OptimizerSettings;
import dev.kintsugi.sharding.program.ActivationCheckpointing;
import dev.kintsugi.storage.StoragePath;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/// The ranks of an attempt and the agents that run them: what is said to all of them, and what is asked of all of them. Owned by the
/// control loop.
public final class Gang {
    private final Map<Agent, List<Integer>> shares;
    private final List<RankState> ranks;

    /// @param shares which ranks each agent runs; together 0 to N-1
    public Gang(Map<Agent, List<Integer>> shares) {
        this.shares = new LinkedHashMap<>(shares);
        var byRank = new TreeMap<Integer, RankState>();
        shares.forEach((agent, numbers) -> numbers.forEach(r -> byRank.put(r, new RankState(r, agent))));
        ranks = List.copyOf(byRank.values());
    }

    List<RankState> ranks() {
        return ranks;
    }

    Set<Agent> agents() {
        return shares.keySet();
    }

    /// @return null if there is no such rank
    RankState find(int rank) {
        return rank >= 0 && rank < ranks.size() ? ranks.get(rank) : null;
    }

    boolean all(Predicate<RankState> condition) {
        return ranks.stream().allMatch(condition);
    }

    List<Integer> numbers(Predicate<RankState> condition) {
        return ranks.stream().filter(condition).map(r -> r.rank).toList();
    }

    List<Integer> ranksOn(Agent agent) {
        return shares.getOrDefault(agent, List.of());
    }

    void startRanks(AttemptId id, JobSpec spec, Path logDir) {
        shares.forEach((agent, numbers) -> agent.send(AgentCommand.newBuilder().setStartRanks(StartRanks.newBuilder()
                .setJobId(id.jobId()).setGeneration(id.generation()).addAllRanks(numbers).setWorldSize(spec.getWorldSize())
                .setLogDir(logDir.toString())).build()));
    }

    /// Answers every rank's Join.
    TransportChoice admit(JobSpec spec, AttemptStart start, long nowNs) {
        TransportChoice choice = TransportChoice.decide(spec.getTransport(), ranks.stream().map(r -> r.join.getHost()).toList());
        var response = JoinResponse.newBuilder().setSpec(spec).setPlan(start.model().message()).setTransport(choice.transport());
        start.resume().ifPresent(response::setResume);
        for (RankState r : ranks) {
            response.addPeers(Peer.newBuilder().setRank(r.rank).setHost(r.join.getHost())
                    .setDataEndpoint(r.join.getDataEndpoint()));
        }
        for (RankState r : ranks) {
            r.heardNs = nowNs;
            r.joinReply.accept(response.setEstimate(estimate(spec, start, r.rank)).build());
            r.joinReply = null;
        }
        return choice;
    }

    private static MemoryEstimate estimate(JobSpec spec, AttemptStart start, int rank) {
        var estimate = MemoryEstimator.estimate(start.model().model(), rank, OptimizerSettings.of(spec).state(), spec.getPerDeviceTrainBatchSize(),
                spec.getMaxLength(), spec.getBf16() ? DType.BF16 : DType.F32, ActivationCheckpointing.of(spec.getActivationCheckpointing()),
                !spec.getSaveStrategy().equals("no"), spec.getThreads(), spec.getMicrobatchesPerStep() / spec.getWorldSize());
        estimate = DataMemory.added(estimate, spec, start.model().model());
        var message = MemoryEstimate.newBuilder().setRank(rank).setTotalBytes(estimate.totalBytes());
        estimate.items().forEach(i -> message.addItems(MemoryItem.newBuilder().setPurpose(i.purpose()).setBytes(i.bytes())));
        return message.build();
    }

    /// @return what is wrong, if the ranks do not all hold the same parameters
    Optional<String> parametersDisagree() {
        String expected = ranks.getFirst().prepared.getParametersDigest();
        return ranks.stream().filter(r -> !r.prepared.getParametersDigest().equals(expected)).findFirst()
                .map(r -> "rank %d starts with parameters of digest=%s and rank 0 with digest=%s".formatted(r.rank,
                        r.prepared.getParametersDigest(), expected));
    }

    long maxSteps() {
        return ranks.getFirst().prepared.getMaxSteps();
    }

    /// The step that training ended with, once all ranks have finished.
    long lastStep() {
        long last = ranks.getFirst().finished.getLastStep();
        return last == 0 ? maxSteps() : last;
    }

    /// The newest step that any rank was seen in.
    long step() {
        return ranks.stream().mapToLong(r -> r.heartbeat.getStep()).max().orElse(0);
    }

    List<RankMemory> memoryPrepared() {
        return ranks.stream().map(r -> r.prepared.getMemory().toBuilder().setRank(r.rank).build()).toList();
    }

    List<RankMemory> memoryFinished() {
        var memory = new ArrayList<RankMemory>();
        for (RankState r : ranks) {
            memory.add(r.finished.getMemory().toBuilder().setRank(r.rank).build());
        }
        return memory;
    }

    String lastSeen() {
        return LastSeen.explain(ranks.stream().map(r -> new LastSeen(r.rank, r.host(), r.heartbeat)).toList());
    }

    void checkpointCommitted(long step, StoragePath directory) {
        sendAll(RankCommand.newBuilder().setCheckpointCommitted(CheckpointCommitted.newBuilder().setStep(step)
                .setDirectory(directory.toString())).build());
    }

    void checkpointAbandoned(long step, String reason) {
        sendAll(abandoned(step, reason));
    }

    void checkpointAbandoned(int rank, long step, String reason) {
        find(rank).send(abandoned(step, reason));
    }

    private static RankCommand abandoned(long step, String reason) {
        return RankCommand.newBuilder().setCheckpointAbandoned(CheckpointAbandoned.newBuilder().setStep(step).setReason(reason)).build();
    }

    private void sendAll(RankCommand command) {
        ranks.forEach(r -> r.send(command));
    }

    /// @param present agents that may still run ranks
    void stop(AttemptId id, Set<String> present, Outcome outcome, int graceMs) {
        String reason = switch (outcome) {
            case Outcome.Succeeded _ -> "the job is done";
            case Outcome.Failed f -> f.sentence();
            case Outcome.Stopped s -> s.reason();
        };
        for (RankState r : ranks) {
            if (r.joinReply != null) { r.joinReply.refuse("%s was stopped: %s".formatted(id, reason)); }
            r.joinReply = null;
        }
        sendAll(RankCommand.newBuilder().setStop(StopRank.newBuilder().setReason(reason)).build());
        AgentCommand stop = AgentCommand.newBuilder().setStopAttempt(StopAttempt.newBuilder().setJobId(id.jobId())
                .setGeneration(id.generation()).setGraceMs(graceMs)).build();
        agents().stream().filter(a -> present.contains(a.id())).forEach(a -> a.send(stop));
    }

    /// Gives the slots back of an attempt that started nothing.
    void release(AttemptId id) {
        agents().forEach(a -> a.release(id));
    }
}
