package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.proto.v1.TrainingState;
import java.util.Optional;

/// All that resuming needs besides tensors; valid for any world size. The file's own form of the proto `TrainingState`.
///
/// @param skippedSteps of the steps: they were not finite, and changed nothing
/// @param samplesSeen the data position
/// @param datasetDigest of the packed index; a resume on other data is refused
/// @param best empty before the first evaluation
/// @param baseDigest dtype and digest of the frozen weights under adapters; empty where all is trained
public record TrainingPosition(long step, long skippedSteps, long samplesSeen, long tokensSeen, long microbatchesPerStep, long seed,
        String datasetDigest, Optional<BestEvaluation> best, String baseDigest) {
    public TrainingPosition {
        requireNonNull(datasetDigest, "datasetDigest is null");
        requireNonNull(best, "best is null");
        requireNonNull(baseDigest, "baseDigest is null");
        if (skippedSteps < 0 || step < skippedSteps || samplesSeen < 0 || tokensSeen < 0 || microbatchesPerStep < 0) {
            throw new IllegalArgumentException(
                    "training: step=%d skipped_steps=%d samples_seen=%d tokens_seen=%d microbatches_per_step=%d; all must be >= 0, no more skipped than done"
                            .formatted(step, skippedSteps, samplesSeen, tokensSeen, microbatchesPerStep));
        }
    }

    public static TrainingPosition of(TrainingState s) {
        return new TrainingPosition(s.getStep(), s.getSkippedSteps(), s.getSamplesSeen(), s.getTokensSeen(), s.getMicrobatchesPerStep(), s.getSeed(),
                s.getDatasetDigest(), s.hasBest() ? Optional.of(BestEvaluation.of(s.getBest())) : Optional.empty(), s.getBaseDigest());
    }

    public TrainingState toProto() {
        var state = TrainingState.newBuilder().setStep(step).setSkippedSteps(skippedSteps).setSamplesSeen(samplesSeen).setTokensSeen(tokensSeen)
                .setMicrobatchesPerStep(microbatchesPerStep).setSeed(seed).setDatasetDigest(datasetDigest).setBaseDigest(baseDigest);
        best.ifPresent(b -> state.setBest(b.toProto()));
        return state.build();
    }
}
