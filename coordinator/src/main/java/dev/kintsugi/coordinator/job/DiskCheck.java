package dev.kintsugi.coordinator.job;

import static dev.kintsugi.coordinator.job.InvalidJobException.require;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.architecture.ModelSpec;
import dev.kintsugi.storage.Storages;
import java.io.IOException;
import java.util.OptionalLong;

/// Whether a job's checkpoints will fit where they go. Storage that has no end, such as S3, passes.
final class DiskCheck {
    private DiskCheck() {}

    /// @param spec with its defaults filled in
    /// @throws InvalidJobException with both numbers and what to do
    static void check(JobSpec spec, CheckpointPlace place, ModelSpec model, long fromStep) {
        if (spec.getIgnoreDiskCheck()) { return; }
        try {
            int existing = new CheckpointDirectory(place.path()).committed().size();
            check(DiskNeed.of(spec, model, fromStep, existing), Storages.of(place.path()).freeBytes(place.path()), place);
        } catch (IOException e) {
            throw new InvalidJobException("%s: free space of %s cannot be found out (%s); check it, or pass --ignore_disk_check"
                    .formatted(place.flag(), place.path(), e.getMessage()));
        }
    }

    static void check(DiskNeed need, OptionalLong freeBytes, CheckpointPlace place) {
        if (freeBytes.isEmpty()) { return; }
        require(need.bytes() <= freeBytes.getAsLong(),
                "%s=%s has %.2f GB free, and the checkpoints need %.2f GB: %d of %.2f GB each (%s); pass a smaller --save_total_limit, a larger"
                        + " --save_steps, a --checkpoint_dir with more room, or --ignore_disk_check to go on nevertheless",
                place.flag(), place.path(), freeBytes.getAsLong() / 1e9, need.bytes() / 1e9, need.checkpoints(), need.checkpointBytes() / 1e9,
                need.why());
    }
}
