/// Committing checkpoints: ranks write their shards and vote; when all have voted the manifest is written, last, and the checkpoint
/// exists. [VoteTally] decides, [Checkpoints] runs it for an attempt, [CheckpointDirectory] finds and removes. Start with
/// [Checkpoints].
package dev.kintsugi.coordinator.checkpoint;
