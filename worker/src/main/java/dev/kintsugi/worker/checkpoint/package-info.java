/// Checkpoints: each rank writes its own shard in the background and reads, for any number of ranks, just the rows it needs.
///
/// Saving, on the ranks of one copy of the model:
/// [CheckpointWriter] snapshots the shard buffers at the step boundary, writes two safetensors files ([ShardTensors] says
/// what lies where in them) and votes; the coordinator writes the manifest when all have voted. Loading:
/// [CheckpointReader] finds the rows through `sharding.reshard` in [MappedShard]s, which have been verified before a byte of
/// them is used. `export` makes a Hugging Face directory of a checkpoint, `cli` is the command line of all this, `weights`
/// is where a run without a checkpoint starts, `safetensors` the format. Start with [CheckpointWriter].
package dev.kintsugi.worker.checkpoint;
