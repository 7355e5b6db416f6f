package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.CheckpointAbandoned;
import dev.kintsugi.proto.v1.CheckpointCommitted;
import dev.kintsugi.proto.v1.CheckpointVerified;
import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.worker.checkpoint.CheckpointWriter;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// This rank's side of checkpoints: snapshot at a step boundary, write behind the training, vote, hear the coordinator's decision, read back.
///
/// No rank asks another. One whose last save is not over when the next is due votes against the next, which is given up by all.
final class Checkpoints implements AutoCloseable {
    private static final long NONE = -1;

    private final CheckpointWriter writer;
    private final Consumer<RankEvent.Builder> coordinator;
    private long undecided = NONE;          // the step whose save is not decided; guarded by this, like what follows
    private long unverified = NONE;         // the step whose files are being read back
    private String abandonedReason;
    private String damage;
    private long committed;                 // the newest step that was, or NONE

    /// @param coordinator is sent events, from several threads
    Checkpoints(CheckpointWriter writer, Consumer<RankEvent.Builder> coordinator) {
        this.committed = NONE;
        this.writer = writer;
        this.coordinator = coordinator;
    }

    /// Begins to save, or says why this rank cannot. Returns at once; the state may then change after [#beforeUpdate].
    void save(ShardBuffers state, TrainingState training) {
        String busy = claim(training.getStep());
        if (busy != null) {
            vote(CheckpointVote.newBuilder().setStep(training.getStep()).setState(training).setFailure(busy).build());
        } else if (!writer.save(state, training, this::vote)) {
            throw new AssertionError("the writer is busy although step %d's save was decided".formatted(training.getStep()));
        }
    }

    /// @return null, or why a save cannot begin
    private synchronized String claim(long step) {
        if (undecided != NONE) { return "the save of step %d is not over".formatted(undecided); }
        if (!writer.isIdle()) { return "storage has not let go of the save before"; }
        undecided = step;
        abandonedReason = null;
        return null;
    }

    private void vote(CheckpointVote vote) {
        coordinator.accept(RankEvent.newBuilder().setCheckpointVote(vote));
    }

    /// Whether the state is still being copied, so that [#beforeUpdate] has to be called.
    boolean isSnapshotOpen() {
        return !writer.isIdle();
    }

    /// The training thread is about to update a unit.
    void beforeUpdate(int unit) {
        writer.beforeUpdate(unit);
    }

    synchronized void committed(CheckpointCommitted decision) {
        long step = decision.getStep();
        committed = Math.max(committed, step);
        if (undecided == step && writer.writes()) {
            unverified = step;
            writer.verify(step, failure -> verified(step, failure));
        }
        decided(step);
    }

    /// The newest checkpoint of this attempt that this rank knows to be committed.
    synchronized OptionalLong newest() {
        return committed == NONE ? OptionalLong.empty() : OptionalLong.of(committed);
    }

    private void verified(long step, String failure) {
        coordinator.accept(RankEvent.newBuilder().setCheckpointVerified(CheckpointVerified.newBuilder().setStep(step).setFailure(failure)));
        synchronized (this) {
            if (unverified != step) { return; }
            unverified = NONE;
            damage = failure.isEmpty() ? null : failure;
            notifyAll();
        }
    }

    synchronized void abandoned(CheckpointAbandoned decision) {
        if (undecided != decision.getStep()) { return; }        // this rank voted against it, and has another in flight
        writer.abandon(decision.getStep());
        abandonedReason = decision.getReason();
        decided(decision.getStep());
    }

    private void decided(long step) {
        if (undecided == step) {
            undecided = NONE;
            notifyAll();
        }
    }

    /// Waits for the decision on the save in flight.
    ///
    /// @return null when it was committed or there is none, else why it was abandoned
    /// @throws WorldException when the coordinator does not decide in time, or storage does not let go of it
    synchronized String awaitDecision(long timeoutMs) throws InterruptedException {
        await(() -> undecided == NONE, timeoutMs, "no decision on the checkpoint of step " + undecided);
        await(writer::isIdle, timeoutMs, "storage has not let go of the last checkpoint");
        return abandonedReason;
    }

    /// Waits until what was committed last has been read back.
    ///
    /// @return null when it was sound, else what is wrong with it
    synchronized String awaitVerified(long timeoutMs) throws InterruptedException {
        await(() -> unverified == NONE, timeoutMs, "the checkpoint of step %d has not been read back".formatted(unverified));
        return damage;
    }

    private void await(BooleanSupplier reached, long timeoutMs, String complaint) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        while (!reached.getAsBoolean()) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) { throw new WorldException("checkpoint_undecided", "%s after %d s".formatted(complaint, timeoutMs / 1000)); }
            wait(Math.min(left, 50));       // idleness is not announced
        }
    }

    @Override
    public void close() {
        writer.close();
    }
}
