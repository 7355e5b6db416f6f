package dev.kintsugi.worker.train;

import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.worker.checkpoint.CheckpointReader;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.nio.ByteBuffer;

/// Puts the weights and the optimizer's slots of the newest committed checkpoint back, on all ranks, in the middle of a run. Steps and samples go on:
/// the samples of what is undone count as used. Where there is no checkpoint yet, those of the last step stay, which a bad step never changes.
final class Rollback {
    private static final long NONE = -1;

    private final JobSettings settings;
    private final CollectiveGroup group;
    private final ShardBuffers state;
    private final Checkpoints checkpoints;
    private final StoragePath resumed;
    private long last = NONE;
    private int times;

    /// @param resumed the checkpoint that this attempt went on from, or null
    Rollback(JobSettings settings, CollectiveGroup group, ShardBuffers state, Checkpoints checkpoints, StoragePath resumed) {
        this.settings = settings;
        this.group = group;
        this.state = state;
        this.checkpoints = checkpoints;
        this.resumed = resumed;
    }

    /// What was gone back to.
    ///
    /// @param text for people: `went back to the checkpoint of step 4`
    /// @param times in a row that it was this one
    record Outcome(Progress progress, String text, int times) {}

    /// @param after the bad step, which was left out
    /// @param timeoutMs for the save in flight to be decided
    Outcome back(Progress after, long timeoutMs) throws InterruptedException {
        checkpoints.awaitDecision(timeoutMs);
        long step = agreed(checkpoints.newest().orElse(NONE));
        times = step == last ? times + 1 : 1;
        last = step;
        double factor = settings.spec().getDivergenceRateFactor();
        StoragePath directory = step == NONE ? resumed : settings.checkpointDir().resolve(CheckpointLayout.stepDirectory(step));
        if (directory == null) {
            return new Outcome(after.back(after.updates(), factor), "there is no checkpoint yet, so it goes on from the step before", times);
        }
        CheckpointReader reader = CheckpointReader.open(directory);
        reader.restore(state);
        Progress saved = Progress.of(reader.training());
        return new Outcome(after.back(saved.updates(), factor), "went back to the checkpoint of step %d".formatted(saved.steps()), times);
    }

    /// The newest that all ranks have heard of.
    private long agreed(long mine) {
        return group.exchange("newest checkpoint", ByteBuffer.allocate(Long.BYTES).putLong(mine).array()).stream()
                .mapToLong(b -> ByteBuffer.wrap(b).getLong()).min().orElseThrow();
    }
}
