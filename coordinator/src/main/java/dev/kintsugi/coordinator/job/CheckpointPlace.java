package dev.kintsugi.coordinator.job;

import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import java.io.IOException;

/// Where a job's checkpoints go, and the flag that says so.
///
/// @param flag the one that people should look at when something is wrong with it
record CheckpointPlace(String flag, StoragePath path) {
    /// @throws InvalidJobException if it is no place that checkpoints can go to
    static CheckpointPlace of(JobSpec spec, OutputDirectory output) {
        return spec.getCheckpointDir().isEmpty()
                ? new CheckpointPlace("--output_dir", StoragePath.of(output.path()).resolve(CheckpointLayout.CHECKPOINTS))
                : new CheckpointPlace("--checkpoint_dir", SharedPath.storage("--checkpoint_dir", spec.getCheckpointDir()));
    }

    /// Writes there, and removes again what it wrote.
    ///
    /// @throws InvalidJobException if that fails
    void checkWritable() {
        if (path.isLocal()) {
            new OutputDirectory(flag, path.text()).checkWritable();
            return;
        }
        StoragePath probe = path.resolve(".kintsugi-probe-" + Long.toHexString(System.nanoTime()));
        try {
            Storage storage = Storages.of(probe);
            storage.replace(probe, new byte[1]);
            storage.delete(probe);
        } catch (IOException e) {
            throw new InvalidJobException("%s=%s cannot be written to (%s); check the bucket, its permissions and the AWS settings of this host"
                    .formatted(flag, path, e.getMessage()));
        }
    }
}
