package dev.kintsugi.worker.train;

import dev.kintsugi.proto.v1.CheckpointAbandoned;
import dev.kintsugi.proto.v1.CheckpointCommitted;
import dev.kintsugi.proto.v1.RankEvent;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.worker.checkpoint.CheckpointWriter;
import dev.kintsugi.worker.collective.CollectiveGroup;
import dev.kintsugi.worker.failure.WorldException;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.util.concurrent.TimeUnit;

/// This rank's side of checkpoints: snapshot at a step boundary, write behind the training, vote, and hear the coordinator's decision.
///
/// All ranks save or none does: a rank whose last save is not yet decided says so, and the save is put off to the next step.
final class Checkpoints implements AutoCloseable {
    private final CheckpointWriter writer;
    private final CollectiveGroup group;
    private final CoordinatorLink link;
    private long inFlight = -1;          // guarded by this, like what follows
    private long committed = -1;
    private String abandonedReason;

    Checkpoints(CheckpointWriter writer, CollectiveGroup group, CoordinatorLink link) {
        this.writer = writer;
        this.group = group;
        this.link = link;
    }

    /// Returns once the state may change again; false when a rank is still busy with its last save.
    boolean trySave(ShardBuffers state, TrainingState training) {
        boolean busy;
        synchronized (this) {
            busy = inFlight >= 0;
        }
        for (byte[] answer : group.exchange("save", new byte[] {(byte) (busy ? 1 : 0)})) { busy |= answer[0] == 1; }
        if (busy) { return false; }
        synchronized (this) {
            inFlight = training.getStep();
            abandonedReason = null;
        }
        if (!writer.save(state, training, vote -> link.send(RankEvent.newBuilder().setCheckpointVote(vote)))) {
            throw new AssertionError("the writer is busy although step %d's save was decided".formatted(training.getStep()));
        }
        return true;
    }

    synchronized void committed(CheckpointCommitted decision) {
        committed = Math.max(committed, decision.getStep());
        decided(decision.getStep());
    }

    synchronized void abandoned(CheckpointAbandoned decision) {
        abandonedReason = decision.getReason();
        decided(decision.getStep());
    }

    private void decided(long step) {
        if (inFlight == step) {
            inFlight = -1;
            notifyAll();
        }
    }

    /// Waits for the decision on the save in flight.
    ///
    /// @return null when it was committed or there is none, else why it was abandoned
    /// @throws WorldException when the coordinator does not decide in time
    synchronized String awaitDecision(long timeoutMs) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        while (inFlight >= 0) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw new WorldException("checkpoint_undecided", "no decision on the checkpoint of step %d after %d s".formatted(inFlight, timeoutMs / 1000));
            }
            wait(left);
        }
        return abandonedReason;
    }

    @Override
    public void close() {
        writer.close();
    }
}
