package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.StepMetrics;
import dev.kintsugi.sharding.estimate.ModelFlops;
import dev.kintsugi.worker.fsdp.PhaseClock;
import dev.kintsugi.worker.fsdp.PhaseClock.Phase;

/// Turns a step's measurements into its metrics, on rank 0: speed, where the time went, memory, and MFU as [ModelFlops] defines it.
final class StepAccounting implements AutoCloseable {
    private final JobSettings settings;
    private final long parameters;
    private final PhaseClock clock;
    private final PeakFlops peak;

    StepAccounting(JobSettings settings, long parameters, PhaseClock clock, PeakFlops peak) {
        this.settings = settings;
        this.parameters = parameters;
        this.clock = clock;
        this.peak = peak;
    }

    /// @param done with this step
    /// @param tokens of this step
    /// @param seconds wall clock
    StepMetrics metrics(Progress done, long tokens, double loss, double gradNorm, double learningRate, double seconds) {
        double flopsPerSecond = ModelFlops.training(parameters, tokens) / seconds;
        double peakOfRank = peak.flopsPerSecond(System.nanoTime());
        StepMetrics.Builder m = StepMetrics.newBuilder().setStep(done.steps()).setLoss(loss).setGradNorm(gradNorm).setLearningRate(learningRate)
                .setTokens(done.tokens()).setStepSeconds(seconds)
                .setTokensPerSecond(tokens / seconds).setPeakResidentBytes(ProcessMemory.peakResidentBytes())
                .setModelFlopsPerSecond(flopsPerSecond).setPeakFlopsPerSecond(peakOfRank)
                .setMfu(ModelFlops.utilization(flopsPerSecond, settings.worldSize(), peakOfRank));
        for (Phase p : Phase.values()) { m.putPhaseSeconds(p.key(), clock.seconds(p)); }
        return m.build();
    }

    @Override
    public void close() {
        peak.close();
    }
}
