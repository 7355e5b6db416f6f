package dev.kintsugi.sharding.manifest;

/// The best evaluation of a run so far. The file's own form of the proto message of that name.
///
/// @param step after which the model was best
/// @param metric its value then
/// @param stale evaluations since that were no better, or not by as much as early stopping asks for
public record BestEvaluation(long step, double metric, int stale) {
    public BestEvaluation {
        if (step < 1 || !Double.isFinite(metric) || stale < 0) {
            throw new IllegalArgumentException("best evaluation: step=%d metric=%s stale=%d".formatted(step, metric, stale));
        }
    }

    static BestEvaluation of(dev.kintsugi.proto.v1.BestEvaluation b) {
        return new BestEvaluation(b.getStep(), b.getMetric(), b.getStale());
    }

    /// For a [dev.kintsugi.proto.v1.TrainingState].
    public dev.kintsugi.proto.v1.BestEvaluation toProto() {
        return dev.kintsugi.proto.v1.BestEvaluation.newBuilder().setStep(step).setMetric(metric).setStale(stale).build();
    }
}
