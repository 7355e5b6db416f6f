/// Committing checkpoints: ranks write their shards and vote; when all have voted the manifest is written, last, and the checkpoint
/// exists. Then its writers read it back: when all of it is sound `verified.json` is written and what it replaces goes, else it is set
/// aside and exists no more. [VoteTally] and [ReadBacks] decide, [Checkpoints] runs them for an attempt, [CheckpointDirectory] finds,
/// marks and removes, [ResumeChoice] says where to go on from. Start with [Checkpoints].
package dev.kintsugi.coordinator.checkpoint;
