/// Where a run's first weights come from. Rank 0 asks a [WeightSource] for one parameter at a time and sends each unit out before it asks
/// for the next, so no rank ever holds the model.
package dev.kintsugi.worker.checkpoint.weights;
