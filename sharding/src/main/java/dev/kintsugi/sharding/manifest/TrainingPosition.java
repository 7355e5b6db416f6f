package dev.kintsugi.sharding.manifest;

import static java.util.Objects.requireNonNull;

import dev.kintsugi.proto.v1.TrainingState;
import java.util.List;
import java.util.Optional;

/// All that resuming needs besides tensors; valid for any world size. The file's own form of the proto `TrainingState`.
///
/// @param skippedSteps of the steps: they were not applied, or undone
/// @param samplesSeen the data position
/// @param datasetDigest of the packed index; a resume on other data is refused
/// @param best empty before the first evaluation
/// @param baseDigest dtype and digest of the frozen weights under adapters; empty where all is trained
/// @param rateFactor of the schedule's rate, after rollbacks
/// @param recentLosses of the steps applied last, oldest first; empty where loss spikes are not looked for
public record TrainingPosition(long step, long skippedSteps, long samplesSeen, long tokensSeen, long microbatchesPerStep, long seed,
        String datasetDigest, Optional<BestEvaluation> best, String baseDigest, double rateFactor,
        List<Double> recentLosses) {
    public TrainingPosition {
        requireNonNull(datasetDigest, "datasetDigest is null");
        requireNonNull(best, "best is null");
        requireNonNull(baseDigest, "baseDigest is null");
        recentLosses = List.copyOf(recentLosses);
        if (skippedSteps < 0 || step < skippedSteps || samplesSeen < 0 || tokensSeen < 0 || microbatchesPerStep < 0) {
            throw new IllegalArgumentException(
                    "training: step=%d skipped_steps=%d samples_seen=%d tokens_seen=%d microbatches_per_step=%d; all must be >= 0, no more skipped than done"
                            .formatted(step, skippedSteps, samplesSeen, tokensSeen, microbatchesPerStep));
        }
        if (!(rateFactor > 0 && rateFactor <= 1)) { throw new IllegalArgumentException("training: rate_factor=%s; must be in (0, 1]".formatted(rateFactor)); }
    }

    public static TrainingPosition of(TrainingState s) {
        return new TrainingPosition(s.getStep(), s.getSkippedSteps(), s.getSamplesSeen(), s.getTokensSeen(), s.getMicrobatchesPerStep(), s.getSeed(),
                s.getDatasetDigest(), s.hasBest() ? Optional.of(BestEvaluation.of(s.getBest())) : Optional.empty(), s.getBaseDigest(),
                s.hasRateFactor() ? s.getRateFactor() : 1, s.getRecentLossesList());
    }

    public TrainingState toProto() {
        var state = TrainingState.newBuilder().setStep(step).setSkippedSteps(skippedSteps).setSamplesSeen(samplesSeen).setTokensSeen(tokensSeen)
                .setMicrobatchesPerStep(microbatchesPerStep).setSeed(seed).setDatasetDigest(datasetDigest).setBaseDigest(baseDigest);
        if (rateFactor != 1) { state.setRateFactor(rateFactor); }
        state.addAllRecentLosses(recentLosses);
        best.ifPresent(b -> state.setBest(b.toProto()));
        return state.build();
    }
}
