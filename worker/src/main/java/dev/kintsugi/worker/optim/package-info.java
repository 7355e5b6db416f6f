/// From accumulated gradients to new weights: [dev.kintsugi.worker.optim.GradientNorm] measures them over all ranks,
/// [dev.kintsugi.worker.optim.LearningRateSchedule] says how fast, an [dev.kintsugi.worker.optim.Optimizer], opened by
/// [dev.kintsugi.worker.optim.Optimizers], updates a rank's shards.
package dev.kintsugi.worker.optim;
