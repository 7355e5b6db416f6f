/// Checkpoints: each rank writes its own shard in the background and reads, for any number of ranks, just the rows it needs.
///
/// Saving, on the ranks of one copy of the model: [CheckpointWriter] begins a [ShardSave], whose [Snapshot] is the live state cut into
/// [StatePieces], copied before the optimizer changes them into a bounded [PiecePool]; [ShardFileWriter] writes two safetensors files ([ShardTensors]
/// says what lies where in them) with their digests, the rank votes, and the coordinator writes the manifest when all have voted. Then [ReadBack].
/// Loading: [CheckpointReader] finds the rows through `sharding.reshard` in [CheckedShard]s, of which no byte is used before the chunk it lies in was
/// checked ([CheckedFile]). `export` makes a Hugging Face directory of a checkpoint, `cli` is the command line of all this, `weights`
/// is where a run without a checkpoint starts, `safetensors` the format. Start with [CheckpointWriter].
package dev.kintsugi.worker.checkpoint;
