package dev.kintsugi.coordinator.attempt;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.checkpoint.Checkpoints;
import dev.kintsugi.coordinator.membership.Agent;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.coordinator.membership.Liveness;
import dev.kintsugi.coordinator.membership.RankLink;
import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JoinRequest;
import dev.kintsugi.proto.v1.Prepared;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.RankExited;
import dev.kintsugi.proto.v1.RankFailed;
import dev.kintsugi.proto.v1.RankFinished;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.storage.StoragePath;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/// One run of a job's gang, from starting its ranks to the last of them being gone. Owned by the control loop.
///
/// PREPARING (storage is looked at) -> JOINING -> TRAINING -> LEAVING (all finished) -> STOPPING -> ENDED; a failure or a stop leads
/// from anywhere to STOPPING.
public final class Attempt implements Checkpoints.Listener {
    static final long JOIN_SECONDS_MAX = 120;
    /// A rank's death shows in several places; this long they are collected, so that the sentence is about the rank that died.
    static final long SETTLE_MS = 400;
    /// Longest wait for ranks that finished to exit by themselves.
    static final long LEAVE_SECONDS_MAX = 10;
    /// Longest wait for agents, after the grace, to say that nothing is left.
    static final long CLEAR_SECONDS_MAX = 15;
    private static final int FAILURE_GRACE_MS = 1000;
    /// What a rank calls a checkpoint whose bytes are not those that were written.
    private static final String CORRUPT = "corrupt_shard";

    private enum Phase {
        PREPARING, JOINING, TRAINING, LEAVING, STOPPING, ENDED
    }

    private final AttemptId id;
    private final JobSpec spec;
    private final Gang gang;
    private final AttemptListener listener;
    private final Executor controlLoop;
    private final LongSupplier clock;
    private final String version;
    private final List<Evidence> evidence = new ArrayList<>();
    private final Set<String> uncleared = new HashSet<>();
    private Phase phase = Phase.PREPARING;
    private boolean preparing = true;
    private Checkpoints checkpoints;
    private AttemptStart start;
    private Outcome outcome;
    private long evidenceSinceNs;
    private long deadlineNs;
    private long committedStep;
    private long damagedStep;
    private String damage = "";

    /// @param clock nanoseconds, as [System#nanoTime()]
    /// @param version goes into manifests
    public Attempt(AttemptId id, JobSpec spec, Gang gang, AttemptListener listener, Executor controlLoop, LongSupplier clock,
            String version) {
        this.id = id;
        this.spec = spec;
        this.gang = gang;
        this.listener = listener;
        this.controlLoop = controlLoop;
        this.clock = clock;
        this.version = version;
    }

    public AttemptId id() {
        return id;
    }

    /// Storage is ready: starts the ranks, unless the attempt was stopped meanwhile.
    public void begin(AttemptStart ready) {
        preparing = false;
        endIfCleared();
        if (phase != Phase.PREPARING) { return; }
        start = ready;
        committedStep = ready.step();
        checkpoints = new Checkpoints(new Checkpoints.Setting(version, spec, ready.model(), CheckpointDirectory.of(spec)), controlLoop, this);
        ready.notes().forEach(listener::note);
        phase = Phase.JOINING;
        deadlineNs = clock.getAsLong() + SECONDS.toNanos(JOIN_SECONDS_MAX);
        gang.agents().forEach(a -> uncleared.add(a.id()));
        gang.startRanks(id, spec, ready.logDir());
    }

    /// Storage could not be made ready.
    public void cannotBegin(FailureKind kind, String message) {
        preparing = false;
        unfit(kind, message);
        endIfCleared();
    }

    private void unfit(FailureKind kind, String message) {
        suspect(new Evidence.Unfit(kind, message));
    }

    public void join(JoinRequest request, JoinReply reply) {
        RankState rank = gang.find(request.getRank());
        if (phase != Phase.JOINING || rank == null || rank.join != null) {
            reply.refuse("rank %d of %s is not expected; this process is left over and must exit".formatted(request.getRank(), id));
            return;
        }
        rank.join = request;
        rank.joinReply = reply;
        if (gang.all(r -> r.join != null)) { admitGang(); }
    }

    private void admitGang() {
        TransportChoice choice = gang.admit(spec, start, clock.getAsLong());
        phase = Phase.TRAINING;
        listener.note("all %d ranks joined; transport %s: %s; %s".formatted(spec.getWorldSize(), choice.transport(), choice.reason(), start.sharding()));
    }

    /// @return whether the rank belongs here; if not its stream must be ended
    public boolean attach(int rankNumber, RankLink link) {
        RankState rank = gang.find(rankNumber);
        if (phase != Phase.TRAINING || rank == null || rank.link != null) { return false; }
        rank.link = link;
        rank.heardNs = clock.getAsLong();
        return true;
    }

    public void rankEvent(int rankNumber, RankEvent event) {
        RankState rank = gang.find(rankNumber);
        rank.heardNs = clock.getAsLong();
        if (phase == Phase.STOPPING || phase == Phase.ENDED) { return; }
        switch (event.getEventCase()) {
            case HEARTBEAT -> rank.heartbeat = event.getHeartbeat();
            case PREPARED -> prepared(rank, event.getPrepared());
            case STEP_COMPLETED -> listener.stepped(event.getStepCompleted().getMetrics());
            case CHECKPOINT_VOTE -> checkpoints.vote(rankNumber, event.getCheckpointVote(), clock.getAsLong());
            case CHECKPOINT_VERIFIED -> checkpoints.verified(rankNumber, event.getCheckpointVerified());
            case FAILED -> reported(rank, event.getFailed());
            case FINISHED -> finished(rank, event.getFinished());
            case NOTE -> listener.note("rank %d: %s".formatted(rankNumber, event.getNote().getText()));
            case HELLO, EVENT_NOT_SET -> unfit(FailureKind.BUG, "rank %d sent an unexpected %s".formatted(rankNumber,
                    event.getEventCase()));
        }
    }

    private void prepared(RankState rank, Prepared prepared) {
        rank.prepared = prepared;
        if (!gang.all(r -> r.prepared != null)) { return; }
        gang.parametersDisagree().ifPresentOrElse(why -> unfit(FailureKind.BUG, why), this::running);
    }

    private void running() {
        listener.running(gang.memoryPrepared(), gang.maxSteps());
        // Between them the ranks have read every byte of it, and found every digest right.
        if (start.isReplaceable() && start.step() > 0) { checkpoints.verified(start.step()); }
    }

    private void reported(RankState rank, RankFailed failed) {
        if (failed.getCode().equals(CORRUPT) && rank.prepared == null && start.resume().isPresent()) {
            if (!start.isReplaceable()) {
                unfit(FailureKind.CALLER, "%s; no other checkpoint is taken in place of one that was named".formatted(failed.getMessage()));
                return;
            }
            checkpoints.setAside(start.step(), failed.getMessage());
        }
        String explained = failed.getKind() == FailureKind.WORLD ? gang.lastSeen() : "";
        String message = explained.isEmpty() ? failed.getMessage() : failed.getMessage() + " (last seen: " + explained + ")";
        suspect(new Evidence.RankReported(rank.rank, rank.host(), failed.getKind(), message));
    }

    private void finished(RankState rank, RankFinished finished) {
        rank.finished = finished;
        checkpoints.leave(rank.rank);
        leaveIfDone();
    }

    private void leaveIfDone() {
        if (phase != Phase.TRAINING || !checkpoints.isSettled() || !gang.all(r -> r.finished != null)) { return; }
        long last = gang.lastStep();
        if (committedStep < last && !spec.getSaveStrategy().equals("no")) {
            unfit(FailureKind.WORLD, "all ranks finished, but of the last step %d there is no checkpoint%s; the newest is of step %d"
                    .formatted(last, damagedStep == last ? damage : "", committedStep));
            return;
        }
        phase = Phase.LEAVING;
        deadlineNs = clock.getAsLong() + SECONDS.toNanos(LEAVE_SECONDS_MAX);
        listener.finished(gang.memoryFinished(), last);
        stopIfLeft();
    }

    private void stopIfLeft() {
        if (phase == Phase.LEAVING && (gang.all(r -> r.exited) || clock.getAsLong() >= deadlineNs)) {
            stop(new Outcome.Succeeded(), FAILURE_GRACE_MS);
        }
    }

    @Override
    public void committed(long step, StoragePath directory, long bytes, double seconds) {
        committedStep = Math.max(committedStep, step);
        listener.committed(step);
        listener.note("checkpoint %s committed (%s in %.1f s)".formatted(directory.fileName(), Bytes.show(bytes), seconds));
        gang.checkpointCommitted(step, directory);
    }

    @Override
    public void abandoned(long step, String reason) {
        listener.note("checkpoint of step %d abandoned: %s".formatted(step, reason));
        gang.checkpointAbandoned(step, reason);
        leaveIfDone();
        endIfCleared();
    }

    @Override
    public void abandonedBefore(int rank, long step, String reason) {
        gang.checkpointAbandoned(rank, step, reason);
    }

    @Override
    public void verified(long step) {
        listener.note("checkpoint %s verified: it was read back whole".formatted(CheckpointLayout.stepDirectory(step)));
    }

    @Override
    public void damaged(long step, String reason, long goodStep) {
        if (committedStep == step) { committedStep = goodStep; }
        damagedStep = step;
        damage = ", for it was found damaged: " + reason;
        listener.damaged(goodStep);
        listener.note("checkpoint %s is damaged and does not count any more (its manifest is now %s): %s; %s".formatted(
                CheckpointLayout.stepDirectory(step), CheckpointLayout.DAMAGED_MANIFEST, reason,
                goodStep == 0 ? "there is none before it" : "the newest is now of step " + goodStep));
    }

    @Override
    public void progressed() {
        leaveIfDone();
        endIfCleared();
    }

    @Override
    public void note(String text) {
        listener.note(text);
    }

    public void rankStreamEnded(int rankNumber, RankLink link) {
        RankState rank = gang.find(rankNumber);
        if (rank == null || rank.link != link || rank.finished != null) { return; }
        suspect(new Evidence.StreamLost(rankNumber, rank.host(), gang.step()));
    }

    public void rankExited(RankExited exited) {
        RankState rank = gang.find(exited.getRank());
        if (rank == null || rank.exited) { return; }
        rank.exited = true;
        // Its last message may still be on its way on the other stream; it has until the evidence has settled.
        if (rank.finished == null) {
            suspect(new Evidence.RankDied(rank.rank, rank.host(), exited.getExitStatus(), exited.getLastWords(), gang.step()));
        }
        stopIfLeft();
    }

    public void cleared(String agentId) {
        uncleared.remove(agentId);
        endIfCleared();
    }

    /// The agents of an attempt are never replaced: one that comes back is another.
    public void agentLost(Agent agent, String why) {
        List<Integer> ranks = gang.ranksOn(agent);
        if (ranks.isEmpty()) { return; }
        suspect(new Evidence.AgentLost(agent.host(), ranks, why, gang.step()));
        gang.ranks().stream().filter(r -> r.agent == agent).forEach(r -> r.exited = true);
        cleared(agent.id());
        stopIfLeft();
    }

    /// @param graceMs before ranks that have not left are killed
    public void stop(String reason, int graceMs) {
        if (phase != Phase.STOPPING && phase != Phase.ENDED) { stop(new Outcome.Stopped(reason), graceMs); }
    }

    /// Time passes.
    public void tick() {
        long nowNs = clock.getAsLong();
        switch (phase) {
            case JOINING -> {
                if (nowNs >= deadlineNs) {
                    suspect(new Evidence.DidNotJoin(gang.numbers(r -> r.join == null), JOIN_SECONDS_MAX));
                }
            }
            case TRAINING -> gang.ranks().forEach(r -> checkHeard(r, nowNs));
            case LEAVING -> stopIfLeft();
            case STOPPING -> endIfCleared();
            case PREPARING, ENDED -> {}
        }
        failIfSettled(nowNs);
    }

    private void checkHeard(RankState rank, long nowNs) {
        if (rank.finished != null) { return; }
        Liveness.lost(rank.heardNs, nowNs, Liveness.RANK_SILENCE_MAX).ifPresent(why -> suspect(new Evidence.RankSilent(rank.rank,
                rank.host(), why, rank.heartbeat.getDoing(), rank.heartbeat.getStep())));
    }

    private void suspect(Evidence e) {
        if (phase == Phase.LEAVING || phase == Phase.STOPPING || phase == Phase.ENDED) { return; }
        if (evidence.isEmpty()) { evidenceSinceNs = clock.getAsLong(); }
        evidence.add(e);
        if (RootCause.isDecisive(e)) { fail(); }
    }

    private void failIfSettled(long nowNs) {
        if (evidence.isEmpty() || phase == Phase.STOPPING || phase == Phase.ENDED) { return; }
        evidence.removeIf(e -> e instanceof Evidence.RankDied d && gang.find(d.rank()).finished != null);
        if (!evidence.isEmpty() && nowNs - evidenceSinceNs >= MILLISECONDS.toNanos(SETTLE_MS)) { fail(); }
    }

    private void fail() {
        RootCause cause = RootCause.of(evidence);
        stop(new Outcome.Failed(cause.kind(), cause.sentence()), FAILURE_GRACE_MS);
    }

    private void stop(Outcome why, int graceMs) {
        boolean started = phase != Phase.PREPARING;
        phase = Phase.STOPPING;
        outcome = why;
        deadlineNs = clock.getAsLong() + MILLISECONDS.toNanos(graceMs) + SECONDS.toNanos(CLEAR_SECONDS_MAX);
        listener.stopping(why);
        if (started) {
            gang.stop(id, uncleared, why, graceMs);
            checkpoints.abandonOpen("the attempt is over");
        } else {
            gang.release(id);
        }
        endIfCleared();
    }

    private void endIfCleared() {
        if (phase != Phase.STOPPING) { return; }
        boolean late = clock.getAsLong() >= deadlineNs;
        boolean storageInUse = preparing || checkpoints != null && !checkpoints.isIdle();
        if (!late && (storageInUse || !uncleared.isEmpty())) { return; }
        if (!uncleared.isEmpty()) {
            listener.note("agents %s did not say that %s is gone; their slots stay taken until they do".formatted(uncleared, id));
        }
        phase = Phase.ENDED;
        if (checkpoints != null) { checkpoints.close(); }
        listener.ended(outcome);
    }
}
