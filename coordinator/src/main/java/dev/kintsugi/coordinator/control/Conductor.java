package dev.kintsugi.coordinator.control;

import dev.kintsugi.coordinator.attempt.Attempt;
import dev.kintsugi.coordinator.attempt.AttemptPreparation;
import dev.kintsugi.coordinator.attempt.AttemptStart;
import dev.kintsugi.coordinator.attempt.Gang;
import dev.kintsugi.coordinator.job.JobAdmission.Admitted;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.coordinator.membership.Agent;
import dev.kintsugi.coordinator.membership.Agents;
import dev.kintsugi.coordinator.membership.AttemptId;
import dev.kintsugi.coordinator.scheduler.GangScheduler;
import dev.kintsugi.coordinator.store.JobWriter;
import dev.kintsugi.proto.v1.FailureKind;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.Transport;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// All jobs, and which of them run where. Owned by the control loop: every method is called on it.
public final class Conductor {
    private static final Logger log = LoggerFactory.getLogger(Conductor.class);
    private static final int CANCEL_GRACE_MS = 3000;

    private final Executor controlLoop;
    private final LivedClock clock;
    private final String version;
    private final Agents agents = new Agents();
    // In the order in which they were submitted, which is the order of the queue.
    private final Map<String, JobRun> runs = new LinkedHashMap<>();
    private final List<AttemptId> stale = new ArrayList<>();
    private JobWriter store;
    private boolean leaving;

    public Conductor(Executor controlLoop, LivedClock clock, String version) {
        this.controlLoop = controlLoop;
        this.clock = clock;
        this.version = version;
    }

    /// Takes up the stored jobs. Comes before everything else.
    public void recover(List<TrackedJob.Record> storedJobs, JobWriter writer) {
        store = writer;
        for (TrackedJob.Record stored : storedJobs) {
            Recovery recovery = Recovery.of(stored, Instant.now());
            if (!recovery.record().equals(stored)) { store.save(recovery.record()); }
            recovery.stale().ifPresent(stale::add);
            track(recovery.record());
        }
    }

    /// Attempts of an earlier coordinator, of which a host that missed its end may still run ranks.
    List<AttemptId> staleAttempts() {
        return List.copyOf(stale);
    }

    Agents agents() {
        return agents;
    }

    /// @return the job, once it is stored: whoever is told of it finds it again, whatever happens
    /// @throws dev.kintsugi.coordinator.job.InvalidJobException if it collides with another job or could never start
    public CompletableFuture<Job> submit(String jobId, Admitted admitted) {
        if (leaving) { throw new IllegalStateException("the coordinator is shutting down; submit again when it is back"); }
        List<Job> unfinished = runs.values().stream().map(JobRun::job).filter(j -> !j.isTerminal()).map(TrackedJob::job).toList();
        Submission.check(admitted, unfinished, agents.slotsMax());
        TrackedJob.Record record = Submission.record(jobId, admitted, Instant.now());
        CompletableFuture<Void> stored = store.save(record);
        JobRun run = track(record);
        log.info("{}: submitted, {} ranks, {} parameters, {}", jobId, admitted.spec().getWorldSize(), admitted.parameters(),
                admitted.spec().getOutputDir());
        Job job = run.job().job();
        schedule();
        return stored.thenApply(_ -> job);
    }

    private JobRun track(TrackedJob.Record record) {
        var run = new JobRun(new TrackedJob(record, store::save), this::schedule);
        runs.put(record.job().getJobId(), run);
        return run;
    }

    /// @throws NoSuchElementException if there is none
    public TrackedJob job(String jobId) {
        return run(jobId).job();
    }

    /// Newest first.
    public List<Job> jobs() {
        return runs.values().stream().map(r -> r.job().job()).toList().reversed();
    }

    /// @return the job, once no rank of it is left and its end is stored
    public CompletableFuture<Job> cancel(String jobId) {
        return run(jobId).cancel(CANCEL_GRACE_MS).thenCompose(job -> store.flushed().thenApply(_ -> job));
    }

    private JobRun run(String jobId) {
        JobRun run = runs.get(jobId);
        if (run == null) {
            throw new NoSuchElementException("there is no job %s; `kintsugi jobs` lists those that there are".formatted(jobId));
        }
        return run;
    }

    /// The attempt that a rank or agent speaks of; null if it is over or never was.
    Attempt attempt(String jobId, long generation) {
        JobRun run = runs.get(jobId);
        return run == null ? null : run.attempt(generation).orElse(null);
    }

    List<Attempt> attempts() {
        return runs.values().stream().flatMap(r -> r.attempt().stream()).toList();
    }

    /// Starts queued jobs, oldest first, until one does not fit: it must not be overtaken for ever by smaller ones.
    void schedule() {
        if (leaving) { return; }
        for (JobRun run : List.copyOf(runs.values())) {
            if (run.job().state() != JobState.QUEUED) { continue; }
            JobSpec spec = run.job().job().getSpec();
            switch (GangScheduler.place(spec.getWorldSize(), spec.getTransport() == Transport.SHM, agents.hosts())) {
                case GangScheduler.Place place -> start(run, place);
                case GangScheduler.Wait wait -> {
                    run.waiting(wait.reason());
                    return;
                }
            }
        }
    }

    private void start(JobRun run, GangScheduler.Place place) {
        var id = new AttemptId(run.job().id(), run.job().job().getGeneration() + 1);
        var shares = new LinkedHashMap<Agent, List<Integer>>();
        for (GangScheduler.Share share : place.shares()) {
            Agent agent = agents.find(share.agentId()).orElseThrow();
            agent.lease(id, share.ranks().size());
            shares.put(agent, share.ranks());
        }
        var attempt = new Attempt(id, run.job().job().getSpec(), new Gang(shares), run, controlLoop, clock, version);
        run.starting(attempt, place.reason());
        TrackedJob.Record record = run.job().record();
        List<Integer> ranksByHost = place.shares().stream().map(s -> s.ranks().size()).toList();
        Thread.ofVirtual().name("prepare-" + id).start(() -> prepare(run, attempt, record, ranksByHost));
    }

    private void prepare(JobRun run, Attempt attempt, TrackedJob.Record record, List<Integer> ranksByHost) {
        try {
            AttemptStart start = AttemptPreparation.prepare(record, ranksByHost);
            controlLoop.execute(() -> run.begin(attempt, start));
        } catch (IOException e) {
            controlLoop.execute(() -> attempt.cannotBegin(FailureKind.WORLD, "storage failed: " + e));
        } catch (IllegalArgumentException e) {
            controlLoop.execute(() -> attempt.cannotBegin(FailureKind.CALLER, e.getMessage()));
        }
    }

    /// Time passes.
    public void tick() {
        clock.tick(System.nanoTime());
        agents.expire(clock.getAsLong()).forEach(this::lost);
        attempts().forEach(Attempt::tick);
    }

    void lost(Agents.Lost lost) {
        log.warn("host {} is lost: its agent {}", lost.agent().host(), lost.reason());
        attempts().forEach(a -> a.agentLost(lost.agent(), lost.reason()));
        schedule();
    }

    /// Stops every attempt; jobs stay queued for the next coordinator.
    ///
    /// @return done when no rank is left
    public CompletableFuture<Void> leave(int graceMs) {
        leaving = true;
        List<CompletableFuture<Job>> ends = runs.values().stream().map(r -> r.leave(graceMs)).toList();
        return CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new));
    }

    /// Ends all streams.
    ///
    /// @return how many agents were here
    public int closeStreams(String reason) {
        runs.values().forEach(r -> r.job().endWatches());
        return agents.closeAll(reason);
    }
}
