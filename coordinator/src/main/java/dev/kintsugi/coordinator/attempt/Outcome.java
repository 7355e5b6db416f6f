package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.proto.v1.FailureKind;

/// How an attempt ended.
public sealed interface Outcome {
    /// All steps done, the last checkpoint committed.
    record Succeeded() implements Outcome {}

    /// @param sentence without a full stop
    record Failed(FailureKind kind, String sentence) implements Outcome {}

    /// Asked for, by whoever cancelled the job or stopped the coordinator.
    record Stopped(String reason) implements Outcome {}
}
