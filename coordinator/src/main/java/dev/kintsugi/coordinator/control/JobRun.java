package dev.kintsugi.coordinator.control;

import dev.kintsugi.coordinator.attempt.Attempt;
import dev.kintsugi.coordinator.attempt.AttemptListener;
import dev.kintsugi.coordinator.attempt.AttemptStart;
import dev.kintsugi.coordinator.attempt.Outcome;
import dev.kintsugi.coordinator.attempt.RestartPolicy;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.RankMemory;
import dev.kintsugi.proto.v1.StepMetrics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A job through its attempts: turns what an attempt says into the job's state and message, and decides what comes after it. Owned by
/// the control loop.
final class JobRun implements AttemptListener {
    private static final Logger log = LoggerFactory.getLogger(JobRun.class);

    private final TrackedJob job;
    private final Runnable reschedule;
    private final List<CompletableFuture<Job>> waitingForEnd = new ArrayList<>();
    private Attempt attempt;
    private String lastFailure = "";
    private int barrenAttempts;
    private boolean committedInAttempt;
    private boolean runningInAttempt;
    private boolean setAsideInAttempt;

    /// @param reschedule called when slots or the job are free again
    JobRun(TrackedJob job, Runnable reschedule) {
        this.job = job;
        this.reschedule = reschedule;
    }

    TrackedJob job() {
        return job;
    }

    Optional<Attempt> attempt() {
        return Optional.ofNullable(attempt);
    }

    /// The attempt, if it is of this generation; a message of another one is stale.
    Optional<Attempt> attempt(long generation) {
        return attempt().filter(a -> a.id().generation() == generation);
    }

    /// @param why the scheduler's reason
    void waiting(String why) {
        String message = lastFailure.isEmpty() ? why : lastFailure + "; " + why;
        if (!job.job().getMessage().equals(message)) { job.moveTo(JobState.QUEUED, message); }
    }

    /// @param where the scheduler's reason
    void starting(Attempt next, String where) {
        attempt = next;
        committedInAttempt = false;
        runningInAttempt = false;
        setAsideInAttempt = false;
        String message = lastFailure.isEmpty() ? "starting " + where : lastFailure + "; restarting as generation "
                + next.id().generation();
        job.change(j -> j.setGeneration(next.id().generation()).setState(JobState.STARTING).setMessage(message));
        log.info("{}: {}", next.id(), message);
    }

    void begin(Attempt prepared, AttemptStart start) {
        if (prepared == attempt && job.state() == JobState.STARTING) {
            job.change(j -> j.setStep(start.step()).setLastCheckpointStep(start.step()).setMessage(startMessage(start)));
            if (!lastFailure.isEmpty()) { note(startMessage(start)); }
        }
        prepared.begin(start);
    }

    private String startMessage(AttemptStart start) {
        if (!lastFailure.isEmpty()) {
            return "%s; restarted from step %d as generation %d".formatted(lastFailure, start.step(), attempt.id().generation());
        }
        return start.step() == 0 ? job.job().getMessage() : "%s; going on from step %d".formatted(job.job().getMessage(),
                start.step());
    }

    @Override
    public void running(List<RankMemory> memory, long maxSteps) {
        runningInAttempt = true;
        job.change(j -> j.setState(JobState.RUNNING).setMaxSteps(maxSteps).clearMemory().addAllMemory(memory)
                .setMessage(lastFailure.isEmpty() ? "training" : j.getMessage()));
        log.info("{}: training, {} steps", attempt.id(), maxSteps);
    }

    @Override
    public void stepped(StepMetrics metrics) {
        job.step(metrics);
    }

    @Override
    public void committed(long step) {
        committedInAttempt = true;
        job.change(j -> j.setLastCheckpointStep(Math.max(step, j.getLastCheckpointStep())));
    }

    @Override
    public void damaged(long goodStep) {
        setAsideInAttempt = true;
        job.change(j -> j.setLastCheckpointStep(goodStep));
    }

    @Override
    public void finished(List<RankMemory> memory, long lastStep) {
        job.change(j -> j.setMaxSteps(lastStep).clearMemory().addAllMemory(memory).setMessage("trained; the ranks are leaving"));
    }

    @Override
    public void note(String text) {
        log.info("{}: {}", job.id(), text);
        job.note(text);
    }

    @Override
    public void stopping(Outcome outcome) {
        switch (outcome) {
            case Outcome.Succeeded _ -> {}
            case Outcome.Failed f -> {
                log.warn("{}: {}", attempt.id(), f.sentence());
                job.moveTo(JobState.STOPPING, f.sentence() + "; stopping the other ranks");
            }
            case Outcome.Stopped s -> job.moveTo(JobState.STOPPING, s.reason() + "; waiting for the ranks to leave");
        }
    }

    @Override
    public void ended(Outcome outcome) {
        attempt = null;
        switch (outcome) {
            case Outcome.Succeeded _ -> job.moveTo(JobState.SUCCEEDED, "trained %d steps".formatted(job.job().getMaxSteps()));
            case Outcome.Failed _, Outcome.Stopped _ when job.isCancelled() -> job.moveTo(JobState.CANCELLED, "cancelled");
            case Outcome.Failed f -> decideAfter(f);
            case Outcome.Stopped s -> job.moveTo(JobState.QUEUED, s.reason());
        }
        log.info("{}: {}: {}", job.id(), job.state(), job.job().getMessage());
        answerWaiting();
        reschedule.run();
    }

    private void decideAfter(Outcome.Failed failure) {
        if (setAsideInAttempt && !runningInAttempt) {
            // Only the checkpoint was at fault. There is one less now, so this ends.
            lastFailure = failure.sentence();
            job.moveTo(JobState.QUEUED, "%s; going on from the checkpoint before it".formatted(failure.sentence()));
            return;
        }
        var decision = RestartPolicy.decide(failure.kind(), committedInAttempt, barrenAttempts, job.job().getSpec().getMaxRestarts());
        barrenAttempts = decision.barrenAttempts();
        if (decision.restart()) {
            lastFailure = failure.sentence();
            job.moveTo(JobState.QUEUED, "%s; %s".formatted(failure.sentence(), decision.reason()));
        } else {
            job.moveTo(JobState.FAILED, "%s; %s".formatted(failure.sentence(), decision.reason()));
        }
    }

    /// @return done when no rank of the job is left
    CompletableFuture<Job> cancel(int graceMs) {
        if (job.isTerminal()) { return CompletableFuture.completedFuture(job.job()); }
        job.markCancelled();
        if (attempt == null) {
            job.moveTo(JobState.CANCELLED, "cancelled while it was queued");
            return CompletableFuture.completedFuture(job.job());
        }
        var ended = new CompletableFuture<Job>();
        waitingForEnd.add(ended);
        attempt.stop("cancelled", graceMs);
        return ended;
    }

    /// Ends the attempt, not the job.
    ///
    /// @return done when no rank of the job is left
    CompletableFuture<Job> leave(int graceMs) {
        if (attempt == null) { return CompletableFuture.completedFuture(job.job()); }
        var ended = new CompletableFuture<Job>();
        waitingForEnd.add(ended);
        attempt.stop("the coordinator is shutting down", graceMs);
        return ended;
    }

    private void answerWaiting() {
        waitingForEnd.forEach(f -> f.complete(job.job()));
        waitingForEnd.clear();
    }
}
