/// From files of text to micro-batches of token ids.
///
/// [Documents] streams the text of `--dataset_name`, [Tokenizer] turns it into ids, [PackedDataset] packs those once into an index
/// file that every rank maps, [SampleOrder] says which block is at which global position, [Batches] fills the tensors of a
/// micro-batch. A run's place in its data is one number, the step, whatever the number of ranks.
///
/// Open [PackedDataset] first.
package dev.kintsugi.worker.data;
