/// From files of texts and conversations to micro-batches of token ids.
///
/// [Documents] streams the [Example]s of `--dataset_name`, [SampleEncoder] turns them into [TokenWord]s by [SampleRules], [SampleCollector] makes
/// samples of those, which [DatasetIndex] writes once to an index file that every rank maps; [SampleOrder] says which sample is at which global
/// position, [Batches] fills the tensors of a micro-batch. A run's place in its data is one number, the samples used, whatever the number of ranks.
///
/// Open [DatasetIndex] first.
package dev.kintsugi.worker.data;
