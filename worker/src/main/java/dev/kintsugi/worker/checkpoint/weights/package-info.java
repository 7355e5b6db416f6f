/// Where a run's first weights come from. A [WeightSource] gives rows of one parameter after another, as they are on storage, so that nobody
/// ever holds the model: [FreshWeights] makes them, [HuggingFaceWeights] reads them. [WeightMap] finds the files of a directory,
/// [StoredTensor] is one tensor in one of them or cut by rows over several, [PickledWeights] says why some are not read.
package dev.kintsugi.worker.checkpoint.weights;
