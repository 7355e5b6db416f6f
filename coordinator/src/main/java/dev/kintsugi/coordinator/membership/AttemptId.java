package dev.kintsugi.coordinator.membership;

/// One gang run of a job. A message of another generation is stale and never mixed in.
public record AttemptId(String jobId, long generation) {
    @Override
    public String toString() {
        return "%s generation %d".formatted(jobId, generation);
    }
}
