package dev.kintsugi.coordinator.job;

import dev.kintsugi.proto.v1.Job;
import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.proto.v1.WatchJobResponse;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// What one watcher has not seen yet. The control loop offers, the watcher's own thread takes: the loop never waits for a watcher.
///
/// Of the job only the newest state is kept, of steps all, of notes the last [#NOTES_MAX]. A watcher that is [#STEPS_MAX] steps
/// behind is cut off rather than served with gaps.
public final class JobWatch {
    static final int STEPS_MAX = 1_000_000;
    static final int NOTES_MAX = 1000;

    /// The watcher was too slow; it may watch anew.
    public static final class FellBehindException extends RuntimeException {
        FellBehindException() {
            super("the watcher fell %d steps behind; watch again and read faster".formatted(STEPS_MAX));
        }
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private WatchJobResponse.Builder pending;
    private boolean ended;
    private boolean fellBehind;

    JobWatch(Job now) {
        pending = WatchJobResponse.newBuilder().setJob(now);
        ended = JobStates.isTerminal(now.getState());
    }

    void offer(Job job, List<StepMetrics> steps, List<String> notes) {
        lock.lock();
        try {
            if (pending == null) { pending = WatchJobResponse.newBuilder(); }
            pending.setJob(job).addAllSteps(steps);
            addNotes(notes);
            fellBehind |= pending.getStepsCount() > STEPS_MAX;
            ended |= JobStates.isTerminal(job.getState());
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void addNotes(List<String> notes) {
        pending.addAllNotes(notes);
        int tooMany = pending.getNotesCount() - NOTES_MAX;
        if (tooMany > 0) {
            List<String> last = List.copyOf(pending.getNotesList().subList(tooMany, pending.getNotesCount()));
            pending.clearNotes().addAllNotes(last);
        }
    }

    /// No more will come. What is pending can still be taken.
    public void end() {
        lock.lock();
        try {
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    public boolean isEnded() {
        lock.lock();
        try {
            return ended && pending == null;
        } finally {
            lock.unlock();
        }
    }

    /// Everything since the last call, as one message.
    ///
    /// @return null if nothing changed for `timeoutMs`, or if the watch has ended
    /// @throws FellBehindException if steps would be left out
    public WatchJobResponse take(long timeoutMs) throws InterruptedException {
        lock.lock();
        try {
            long leftNs = TimeUnit.MILLISECONDS.toNanos(timeoutMs);
            while (pending == null && !ended && leftNs > 0) {
                leftNs = changed.awaitNanos(leftNs);
            }
            if (fellBehind) { throw new FellBehindException(); }
            WatchJobResponse taken = pending == null ? null : pending.build();
            pending = null;
            return taken;
        } finally {
            lock.unlock();
        }
    }
}
