/// From accumulated gradients to new weights: [dev.kintsugi.worker.optim.GradientNorm] measures them over all ranks,
/// [dev.kintsugi.worker.optim.LearningRateSchedule] says how fast, [dev.kintsugi.worker.optim.AdamWOptimizer] updates a rank's shards.
package dev.kintsugi.worker.optim;
