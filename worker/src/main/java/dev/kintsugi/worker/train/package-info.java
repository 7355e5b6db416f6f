/// One rank's life. Open [dev.kintsugi.worker.train.Rank] first: it joins, loads, trains and finishes;
/// [dev.kintsugi.worker.train.TrainingLoop] is the loop over steps, [dev.kintsugi.worker.train.CoordinatorLink] the line to the
/// coordinator, [dev.kintsugi.worker.train.Checkpoints] this rank's side of a save, [dev.kintsugi.worker.train.StepAccounting] what rank 0
/// says of each step.
package dev.kintsugi.worker.train;
