package dev.kintsugi.coordinator.job;

import dev.kintsugi.proto.v1.JobState;
import java.util.Set;

/// Which state may follow which. Pure.
public final class JobStates {
    private JobStates() {}

    public static boolean isTerminal(JobState state) {
        return next(state).isEmpty();
    }

    /// A job may stay in its state with another message.
    static boolean mayFollow(JobState from, JobState to) {
        return from == to || next(from).contains(to);
    }

    private static Set<JobState> next(JobState state) {
        return switch (state) {
            case QUEUED -> Set.of(JobState.STARTING, JobState.CANCELLED, JobState.FAILED);
            case STARTING -> Set.of(JobState.RUNNING, JobState.STOPPING, JobState.QUEUED);
            // A job whose coordinator restarts goes back to the queue.
            case RUNNING -> Set.of(JobState.STOPPING, JobState.SUCCEEDED, JobState.QUEUED);
            case STOPPING -> Set.of(JobState.QUEUED, JobState.FAILED, JobState.CANCELLED);
            case SUCCEEDED, FAILED, CANCELLED -> Set.of();
            case JOB_STATE_UNSPECIFIED, UNRECOGNIZED -> throw new AssertionError("a job is never in state " + state);
        };
    }
}
