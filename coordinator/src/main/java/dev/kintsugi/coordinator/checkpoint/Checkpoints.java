package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.JobSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// The checkpoints of one attempt: collects votes, commits, drops old ones. Owned by the control loop; storage is written on a thread
/// of its own, in the order of the commits, and what came of it returns to the loop.
public final class Checkpoints implements AutoCloseable {
    /// Called on the control loop.
    public interface Listener {
        /// @param bytes of all ranks' files
        /// @param seconds from the first vote to the commit
        void committed(long step, Path directory, long bytes, double seconds);

        void abandoned(long step, String reason);

        void note(String text);
    }

    /// What goes into manifests, and where.
    public record Setting(String version, JobSpec spec, PlannedModel model, CheckpointDirectory directory) {}

    private final Setting setting;
    private final Executor controlLoop;
    private final Listener listener;
    private final Map<Long, VoteTally> open = new HashMap<>();
    private final Map<Long, Long> firstVoteNs = new HashMap<>();
    private final ExecutorService writer = Executors
            .newSingleThreadExecutor(Thread.ofVirtual().name("checkpoint-commit").factory());
    private int writing;

    public Checkpoints(Setting setting, Executor controlLoop, Listener listener) {
        this.setting = setting;
        this.controlLoop = controlLoop;
        this.listener = listener;
    }

    public void vote(int rank, CheckpointVote vote, long nowNs) {
        long step = vote.getStep();
        if (!open.containsKey(step)) { firstVoteNs.put(step, nowNs); }
        VoteTally tally = open.getOrDefault(step, VoteTally.open(step, setting.model().plan().worldSize())).with(rank, vote);
        switch (tally.verdict()) {
            case VoteTally.Open _ -> open.put(step, tally);
            case VoteTally.Abandon a -> {
                open.remove(step);
                listener.abandoned(step, a.reason());
            }
            case VoteTally.Commit c -> {
                open.remove(step);
                long startedNs = firstVoteNs.remove(step);
                writing++;
                double votingSeconds = (nowNs - startedNs) / 1e9;
                writer.execute(() -> commit(step, c, votingSeconds));
            }
        }
    }

    /// Gives up what has not all votes yet: the attempt is over.
    public void abandonOpen(String reason) {
        for (long step : List.copyOf(open.keySet())) {
            open.remove(step);
            listener.abandoned(step, reason);
        }
    }

    /// Whether nothing is being written.
    public boolean isIdle() {
        return writing == 0;
    }

    private void commit(long step, VoteTally.Commit c, double votingSeconds) {
        Path directory = setting.directory().of(step);
        Runnable outcome;
        try {
            long startedNs = System.nanoTime();
            long bytes = CheckpointCommitter.commit(directory, setting.version(), setting.model().plan(),
                    setting.model().modelConfigJson(), setting.spec(), c.state(), c.files());
            double seconds = votingSeconds + (System.nanoTime() - startedNs) / 1e9;
            outcome = () -> listener.committed(step, directory, bytes, seconds);
        } catch (IOException | RuntimeException e) {
            outcome = () -> listener.abandoned(step, "the manifest could not be written: " + e.getMessage());
        }
        finish(outcome);
        prune();
    }

    private void prune() {
        if (!setting.spec().hasSaveTotalLimit()) { return; }
        try {
            setting.directory().prune(setting.spec().getSaveTotalLimit());
        } catch (IOException e) {
            controlLoop.execute(() -> listener.note("old checkpoints could not be removed: " + e.getMessage()));
        }
    }

    private void finish(Runnable outcome) {
        controlLoop.execute(() -> {
            writing--;
            outcome.run();
        });
    }

    @Override
    public void close() {
        writer.shutdown();
    }
}
