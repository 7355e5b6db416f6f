/// What a checkpoint says about itself: one `manifest.json`, written last, without which the directory does not exist for resume.
///
/// The coordinator builds a [Manifest] from the plan and the ranks' votes ([Manifests#of]) and writes [Manifests#toJson]; readers
/// get it back with [Manifests#parse]. [CheckpointLayout] names the files,
/// [ChunkDigests] is what a manifest vouches for them with. Nothing here touches a disk. Start with [Manifest].
package dev.kintsugi.sharding.manifest;
