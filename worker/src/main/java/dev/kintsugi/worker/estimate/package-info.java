/// `kintsugi estimate`: what a job will need, before it runs. [dev.kintsugi.worker.estimate.Calibration] measures this machine's rates by training a few
/// blocks of the model for some seconds; the arithmetic is `sharding.estimate`'s. Open [dev.kintsugi.worker.estimate.EstimateCommand] first.
package dev.kintsugi.worker.estimate;
