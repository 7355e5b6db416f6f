/// What a run will need before it runs, as formulas of shapes. Memory: [dev.kintsugi.sharding.estimate.MemoryEstimator], and
/// [dev.kintsugi.sharding.estimate.ActivationEstimate] for the step arena's bytes, to which tests hold the arena. Time:
/// [dev.kintsugi.sharding.estimate.StepWork] is what the step program adds up to, and [dev.kintsugi.sharding.estimate.PhaseRates] turns it into seconds
/// with a machine's measured rates. [dev.kintsugi.sharding.estimate.ModelFlops] defines MFU.
package dev.kintsugi.sharding.estimate;
