package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.TrainingState;

/// How far a run has come. Samples are counted apart from steps: before the checkpoint that a run goes on from, steps may have had another number
/// of micro-batches.
///
/// @param steps done
/// @param samples of the data, in their order, that these steps have used
record Progress(long steps, long samples) {
    static final Progress NONE = new Progress(0, 0);

    static Progress of(TrainingState saved) {
        return new Progress(saved.getStep(), saved.getSamplesSeen());
    }

    Progress next(long samplesPerStep) {
        return new Progress(steps + 1, samples + samplesPerStep);
    }

    /// @return steps when `total` samples have been used, steps done included
    long stepsAt(long total, long samplesPerStep) {
        return steps + Math.ceilDiv(Math.max(0, total - samples), samplesPerStep);
    }
}
