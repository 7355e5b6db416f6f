package dev.kintsugi.coordinator.checkpoint;

import dev.kintsugi.coordinator.checkpoint.CheckpointDirectory.Committed;
import dev.kintsugi.coordinator.plan.PlannedModel;
import dev.kintsugi.proto.v1.CheckpointVerified;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.JobSpec;
import dev.kintsugi.sharding.manifest.Verification;
import dev.kintsugi.storage.StoragePath;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// The checkpoints of one attempt: collects votes, commits, collects what ranks read back, drops what is replaced or sets aside what is
/// damaged. Owned by the control loop; storage is written on a thread of its own, in order, and what came of it returns to the loop.
public final class Checkpoints implements AutoCloseable {
    /// Called on the control loop.
    public interface Listener {
        /// @param bytes of all ranks' files
        /// @param seconds from the first vote to the commit
        void committed(long step, StoragePath directory, long bytes, double seconds);

        void abandoned(long step, String reason);

        /// `rank` voted for a save that had been abandoned before.
        void abandonedBefore(int rank, long step, String reason);

        void verified(long step);

        /// A committed checkpoint is no good, and exists no more.
        ///
        /// @param goodStep of the newest that is left; 0: none
        void damaged(long step, String reason, long goodStep);

        void note(String text);

        /// Storage has done something; [#isIdle()] and [#isSettled()] may say something else than before.
        void progressed();
    }

    /// What goes into manifests, and where.
    public record Setting(String version, JobSpec spec, PlannedModel model, CheckpointDirectory directory) {}

    /// What storage did, or did not.
    private interface Work {
        Runnable run() throws IOException;
    }

    private final Setting setting;
    private final Executor controlLoop;
    private final Listener listener;
    private final Map<Long, VoteTally> open = new HashMap<>();
    private final Map<Long, Long> firstVoteNs = new HashMap<>();
    private final Map<Long, String> abandoned = new HashMap<>();
    private final ReadBacks readBacks = new ReadBacks();
    private final Set<Long> settingAside = new HashSet<>();
    private final ExecutorService writer = Executors
            .newSingleThreadExecutor(Thread.ofPlatform().daemon().name("checkpoint-commit").factory());
    private int writing;

    public Checkpoints(Setting setting, Executor controlLoop, Listener listener) {
        this.setting = setting;
        this.controlLoop = controlLoop;
        this.listener = listener;
    }

    public void vote(int rank, CheckpointVote vote, long nowNs) {
        long step = vote.getStep();
        if (abandoned.containsKey(step)) {
            // It was behind the others and began after they had been told; it has to hear it, too.
            listener.abandonedBefore(rank, step, abandoned.get(step));
            return;
        }
        firstVoteNs.putIfAbsent(step, nowNs);
        VoteTally tally = open.computeIfAbsent(step, s -> new VoteTally(s, setting.model().plan().worldSize()));
        switch (tally.vote(rank, vote)) {
            case VoteTally.Open _ -> {
                // Until the last vote.
            }
            case VoteTally.Abandon a -> abandon(step, a.reason());
            case VoteTally.Commit c -> {
                open.remove(step);
                double votingSeconds = (nowNs - firstVoteNs.remove(step)) / 1e9;
                onStorage(() -> commit(step, c, votingSeconds), e -> abandon(step, "the manifest could not be written: " + e.getMessage()));
            }
        }
    }

    private void abandon(long step, String reason) {
        open.remove(step);
        firstVoteNs.remove(step);
        abandoned.put(step, reason);
        listener.abandoned(step, reason);
    }

    private Runnable commit(long step, VoteTally.Commit c, double votingSeconds) throws IOException {
        StoragePath directory = setting.directory().of(step);
        long startedNs = System.nanoTime();
        long bytes = CheckpointCommitter.commit(directory, setting.version(), setting.model().plan(),
                setting.model().modelConfigJson(), setting.spec(), c.state(), c.files());
        double seconds = votingSeconds + (System.nanoTime() - startedNs) / 1e9;
        return () -> {
            settingAside.remove(step);
            readBacks.await(step, c.writers());
            listener.committed(step, directory, bytes, seconds);
        };
    }

    /// A rank has read back what it wrote of a committed checkpoint.
    public void verified(int rank, CheckpointVerified report) {
        long step = report.getStep();
        readBacks.report(step, rank, report.getFailure()).ifPresent(verdict -> {
            switch (verdict) {
                case ReadBacks.Sound _ -> verified(step);
                case ReadBacks.Damaged d -> setAside(step, d.reason());
            }
        });
    }

    /// All of the checkpoint of `step` is known to be sound.
    public void verified(long step) {
        onStorage(() -> {
            String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
            boolean news = setting.directory().markVerified(step, new Verification(now, setting.version()));
            return news ? () -> listener.verified(step) : () -> {};
        }, e -> listener.note("checkpoint of step %d is sound, but that could not be recorded: %s".formatted(step, e.getMessage())));
        prune();
    }

    private void prune() {
        if (!setting.spec().hasSaveTotalLimit()) { return; }
        onStorage(() -> {
            setting.directory().prune(setting.spec().getSaveTotalLimit(), setting.spec().getLoadBestModelAtEnd());
            return () -> {};
        }, e -> listener.note("old checkpoints could not be removed: " + e.getMessage()));
    }

    /// The checkpoint of `step`, committed, turned out to be no good: from now on it does not exist.
    public void setAside(long step, String reason) {
        if (!settingAside.add(step)) { return; }
        onStorage(() -> {
            setting.directory().setAside(step, reason);
            return damaged(step, reason);
        }, e -> {
            listener.note("checkpoint of step %d is damaged, and could not be set aside: %s".formatted(step, e.getMessage()));
            listener.damaged(step, reason, 0);
        });
    }

    private Runnable damaged(long step, String reason) throws IOException {
        long goodStep = setting.directory().newest().map(Committed::step).orElse(0L);
        return () -> listener.damaged(step, reason, goodStep);
    }

    /// A rank has finished and reports nothing more.
    public void leave(int rank) {
        for (long step : readBacks.leave(rank)) {
            listener.note("checkpoint of step %d is committed but not verified: rank %d left before it had read it back".formatted(step, rank));
        }
    }

    /// Gives up what has not all votes yet: the attempt is over.
    public void abandonOpen(String reason) {
        for (long step : List.copyOf(open.keySet())) { abandon(step, reason); }
    }

    /// Whether nothing is being written.
    public boolean isIdle() {
        return writing == 0;
    }

    /// Whether of every committed checkpoint it is known if it is sound, too.
    public boolean isSettled() {
        return isIdle() && readBacks.isEmpty();
    }

    /// @param work blocks; what it returns runs on the control loop
    /// @param failed runs on the control loop instead
    private void onStorage(Work work, java.util.function.Consumer<Exception> failed) {
        writing++;
        writer.execute(() -> {
            Runnable outcome;
            try {
                outcome = work.run();
            } catch (IOException | RuntimeException e) {
                outcome = () -> failed.accept(e);
            }
            Runnable last = outcome;
            controlLoop.execute(() -> {
                writing--;
                last.run();
                listener.progressed();
            });
        });
    }

    @Override
    public void close() {
        writer.shutdown();
    }
}
