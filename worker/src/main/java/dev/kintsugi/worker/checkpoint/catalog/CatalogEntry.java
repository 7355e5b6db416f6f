package dev.kintsugi.worker.checkpoint.catalog;

import dev.kintsugi.sharding.manifest.Manifest;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.StoragePath;
import java.util.Optional;

/// One step's directory.
///
/// @param manifest if there is one that can be used
/// @param verification if it was read back
/// @param problem one sentence when `state` is DAMAGED, else empty
public record CatalogEntry(long step, StoragePath path, CheckpointState state, Optional<Manifest> manifest, Optional<Verification> verification,
        String problem) {}
