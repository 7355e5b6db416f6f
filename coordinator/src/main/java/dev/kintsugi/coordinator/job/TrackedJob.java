package dev.kintsugi.coordinator.job;

import com.google.protobuf.Timestamp;
import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.JobState;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.storage.StoragePath;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// One job and those who watch it. Only the control loop touches it; changes that must outlive the process go to `saver`.
public final class TrackedJob {
    /// What is kept in the store.
    ///
    /// @param job as people see it
    /// @param modelConfigJson verbatim, as it was when the job was submitted
    /// @param resume the checkpoint it was asked to start from; later ones in its own output directory win
    /// @param cancelled whether someone asked for its end
    public record Record(Job job, String modelConfigJson, Optional<StoragePath> resume, boolean cancelled) {}

    /// Hands a record to the store before anyone sees it; does not wait until it is written.
    public interface Saver {
        void save(Record record);
    }

    private final Saver saver;
    private final List<JobWatch> watches = new ArrayList<>();
    private Record record;
    private long stepReported;

    public TrackedJob(Record record, Saver saver) {
        this.record = record;
        this.saver = saver;
        stepReported = record.job().getStep();
    }

    public String id() {
        return record.job().getJobId();
    }

    public Job job() {
        return record.job();
    }

    public Record record() {
        return record;
    }

    public JobState state() {
        return record.job().getState();
    }

    public boolean isTerminal() {
        return JobStates.isTerminal(state());
    }

    public boolean isCancelled() {
        return record.cancelled();
    }

    public void markCancelled() {
        save(new Record(record.job(), record.modelConfigJson(), record.resume(), true));
    }

    public void moveTo(JobState state, String message) {
        change(job -> job.setState(state).setMessage(message));
    }

    /// Changes, stores and publishes the job.
    ///
    /// @throws AssertionError if the new state may not follow the present one
    public void change(UnaryOperator<Job.Builder> change) {
        Job.Builder next = change.apply(record.job().toBuilder());
        if (!JobStates.mayFollow(state(), next.getState())) {
            throw new AssertionError("job %s may not go from %s to %s".formatted(id(), state(), next.getState()));
        }
        if (JobStates.isTerminal(next.getState()) && !next.hasEndedAt()) { next.setEndedAt(timestamp(Instant.now())); }
        save(new Record(next.build(), record.modelConfigJson(), record.resume(), record.cancelled()));
        publish(List.of(), List.of());
    }

    /// A step is not stored: after a restart of the coordinator the job counts from its last checkpoint again.
    public void step(StepMetrics metrics) {
        record = new Record(record.job().toBuilder().setStep(metrics.getStep()).setLastMetrics(metrics).build(),
                record.modelConfigJson(), record.resume(), record.cancelled());
        // Steps that a restart repeats give the same numbers, and watchers have them already.
        boolean repeated = metrics.getStep() <= stepReported;
        stepReported = Math.max(stepReported, metrics.getStep());
        publish(repeated ? List.of() : List.of(metrics), List.of());
    }

    public void note(String text) {
        publish(List.of(), List.of(text));
    }

    public JobWatch watch() {
        var watch = new JobWatch(job());
        if (!isTerminal()) { watches.add(watch); }
        return watch;
    }

    public void unwatch(JobWatch watch) {
        watches.remove(watch);
    }

    /// Ends every watch, whatever the state: the coordinator is leaving.
    public void endWatches() {
        watches.forEach(JobWatch::end);
        watches.clear();
    }

    private void save(Record next) {
        saver.save(next);
        record = next;
    }

    private void publish(List<StepMetrics> steps, List<String> notes) {
        watches.forEach(w -> w.offer(job(), steps, notes));
        if (isTerminal()) { watches.clear(); }
    }

    public static Timestamp timestamp(Instant t) {
        return Timestamp.newBuilder().setSeconds(t.getEpochSecond()).setNanos(t.getNano()).build();
    }
}
