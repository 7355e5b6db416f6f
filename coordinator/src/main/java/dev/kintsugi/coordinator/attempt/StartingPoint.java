package dev.kintsugi.coordinator.attempt;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory;
import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.coordinator.checkpoint.ResumeChoice;
import dev.kintsugi.coordinator.job.TrackedJob;
import dev.kintsugi.proto.v1.ResumePoint;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/// Where an attempt goes on from: the newest checkpoint of the job's own that can be used; else the one that it was told to start from.
///
/// @param resume empty: from the beginning
/// @param isReplaceable whether one before it may take its place; not so where it was named by whoever submitted the job
/// @param notes which newer ones were passed over, and why
record StartingPoint(Optional<ResumePoint> resume, boolean isReplaceable, List<String> notes) {
    /// @param isFresh whether the job has never run and is to start from the beginning
    /// @throws IllegalArgumentException one sentence that names them, if there are checkpoints and none can be used
    static StartingPoint find(CheckpointDirectory own, TrackedJob.Record record, boolean isFresh) throws IOException {
        Optional<StoragePath> named = record.resume().filter(_ -> !ResumeChoice.isNewest(record.job().getSpec().getResumeFromCheckpoint()));
        ResumeChoice newest = ResumeChoice.newest(own, named.isEmpty() ? -1 : step(named.get()));
        if (newest.checkpoint().isPresent()) { return newestOfOwn(newest.checkpoint().get(), newest.skipped()); }
        if (named.isPresent()) { return new StartingPoint(Optional.of(point(named.get())), false, newest.skipped()); }
        List<String> unusable = unusable(own, newest.skipped());
        if (!isFresh && (record.resume().isPresent() || !unusable.isEmpty())) { throw noneLeft(own, unusable); }
        return new StartingPoint(Optional.empty(), false, unusable);
    }

    private static StartingPoint newestOfOwn(Committed c, List<String> skipped) {
        List<String> notes = skipped.stream().map(why -> "%s; going on from %s, the one before it".formatted(why, c.name())).toList();
        return new StartingPoint(Optional.of(point(c.step(), c.directory())), true, notes);
    }

    // The job's own checkpoints are of later steps than the one it was told to start from; its name says the step even when it is unreadable.
    private static long step(StoragePath checkpoint) throws IOException {
        OptionalLong named = CheckpointLayout.step(checkpoint.fileName());
        return named.isPresent() ? named.getAsLong() : CheckpointDirectory.manifest(checkpoint).step();
    }

    private static ResumePoint point(StoragePath named) throws IOException {
        return point(CheckpointDirectory.manifest(named).step(), named);
    }

    private static ResumePoint point(long step, StoragePath directory) {
        return ResumePoint.newBuilder().setStep(step).setDirectory(directory.text()).build();
    }

    private static List<String> unusable(CheckpointDirectory own, List<String> skipped) throws IOException {
        var all = new ArrayList<>(skipped);
        for (Committed c : own.damaged().reversed()) {
            String damage = own.damage(c);
            all.add("checkpoint %s was found damaged%s".formatted(c.name(), damage.isEmpty() ? "" : ": " + damage));
        }
        return all;
    }

    private static IllegalArgumentException noneLeft(CheckpointDirectory own, List<String> unusable) {
        return new IllegalArgumentException("%s holds no checkpoint to go on from%s; start again with another --output_dir, or name a checkpoint of another run"
                .formatted(own.root(), unusable.isEmpty() ? "" : ": " + unusable.stream().collect(Collectors.joining("; "))));
    }
}
