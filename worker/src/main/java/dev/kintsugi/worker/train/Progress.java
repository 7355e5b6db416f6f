package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.TrainingState;

/// How far a run has come. Samples are counted apart from steps: before the checkpoint that a run goes on from, steps may have had another number
/// of micro-batches.
///
/// @param steps done
/// @param samples of the data, in their order, that these steps have used
/// @param tokens of these samples
/// @param skipped of the steps: they were not applied, or undone
/// @param rateFactor of the schedule's rate: less than 1 after rollbacks
record Progress(long steps, long samples, long tokens, long skipped, double rateFactor) {
    static final Progress NONE = new Progress(0, 0, 0, 0);

    Progress(long steps, long samples, long tokens, long skipped) {
        this(steps, samples, tokens, skipped, 1);
    }

    static Progress of(TrainingState saved) {
        return new Progress(saved.getStep(), saved.getSamplesSeen(), saved.getTokensSeen(), saved.getSkippedSteps(),
                saved.hasRateFactor() ? saved.getRateFactor() : 1);
    }

    /// After a step of this many more.
    Progress next(long moreSamples, long moreTokens) {
        return new Progress(steps + 1, samples + moreSamples, tokens + moreTokens, skipped, rateFactor);
    }

    /// After one that changed nothing.
    Progress skip(long moreSamples, long moreTokens) {
        return new Progress(steps + 1, samples + moreSamples, tokens + moreTokens, skipped + 1, rateFactor);
    }

    /// With the weights as they were after so many updates, and another rate from now on.
    Progress back(long updatesKept, double factor) {
        return new Progress(steps, samples, tokens, steps - updatesKept, rateFactor * factor);
    }

    /// Steps that have changed the weights.
    long updates() {
        return steps - skipped;
    }

    /// @return steps when `total` samples have been used, steps done included
    long stepsAt(long total, long samplesPerStep) {
        return steps + Math.ceilDiv(Math.max(0, total - samples), samplesPerStep);
    }
}
