package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Saves one rank's shard while training goes on. One for the life of a rank.
///
/// [#save] copies the shard into a buffer of its own and returns; a thread writes that buffer to `step-.../model` and
/// `step-.../optimizer`, syncs, and votes. What went wrong becomes the vote's `failure`, never an exception in training.
public final class CheckpointWriter implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(CheckpointWriter.class);

    private final Path outputDir;
    private final ShardPlan plan;
    private final int rank;
    private final Arena arena = Arena.ofShared();      // filled by the training thread, read by the writing thread
    private MemorySegment snapshot;                     // from the first save on
    private final AtomicBoolean inFlight = new AtomicBoolean();
    private volatile Thread writing;

    public CheckpointWriter(Path outputDir, ShardPlan plan, int rank) {
        this.outputDir = outputDir;
        this.plan = plan;
        this.rank = rank;
    }

    /// What the writer keeps allocated from the first save on: the rank's weights and both moments, in f32; nothing on a rank that does not
    /// write.
    public long allocatedBytes() {
        return snapshot == null ? 0 : snapshotBytes();
    }

    private long snapshotBytes() {
        return 3 * Float.BYTES * plan.shardNumel(rank);
    }

    /// Snapshots `state` and begins to write it as the checkpoint of `training.step`. Where there are several copies of the model only the first
    /// one's ranks write; the others vote at once, with no file.
    ///
    /// @param onVote called once, from the writing thread if there is one, when the files are on storage or could not be put there
    /// @return false, and nothing else happens, while the save before is still in flight (until its `onVote` returned)
    public boolean save(ShardBuffers state, TrainingState training, Consumer<CheckpointVote> onVote) {
        if (!state.plan().sharding().equals(plan.sharding()) || state.rank() != rank) {
            throw new IllegalArgumentException("shard buffers of rank %d of %d; this writer is for rank %d of %d".formatted(state.rank(),
                    state.plan().worldSize(), rank, plan.worldSize()));
        }
        if (!plan.sharding().isFirstReplica(rank)) {
            onVote.accept(CheckpointVote.newBuilder().setStep(training.getStep()).setState(training).build());
            return true;
        }
        if (!inFlight.compareAndSet(false, true)) { return false; }
        if (snapshot == null) { snapshot = arena.allocate(Math.max(64, snapshotBytes()), 64); }
        copy(state);
        writing = Thread.ofPlatform().daemon().name("checkpoint-writer-" + rank).start(() -> writeAndVote(training, onVote));
        return true;
    }

    /// Weights of all units, then first moments of all units, then second moments: the order of [ShardTensors].
    private void copy(ShardBuffers state) {
        long offset = 0;
        for (List<MemorySegment> kind : List.of(state.parameters(), state.expAvg(), state.expAvgSq())) {
            for (int unit = 0; unit < plan.units().size(); unit++) {
                long bytes = plan.units().get(unit).shardNumel(rank) * Float.BYTES;
                MemorySegment.copy(kind.get(unit), 0, snapshot, offset, bytes);
                offset += bytes;
            }
        }
    }

    private void writeAndVote(TrainingState training, Consumer<CheckpointVote> onVote) {
        try {
            onVote.accept(write(training));
        } catch (RuntimeException e) {
            log.warn("the vote for checkpoint step {} could not be cast", training.getStep(), e);
        } finally {
            inFlight.set(false);        // pairs with compareAndSet in save: the snapshot may be overwritten
        }
    }

    private CheckpointVote write(TrainingState training) {
        var vote = CheckpointVote.newBuilder().setStep(training.getStep()).setState(training);
        Path dir = outputDir.resolve(CheckpointLayout.CHECKPOINTS).resolve(CheckpointLayout.stepDirectory(training.getStep()));
        try {
            return vote.addAllFiles(new ShardFileWriter(dir, plan, rank).write(snapshot)).build();
        } catch (IOException e) {
            return vote.setFailure("rank %d could not write checkpoint %s (%s); free space or permit writing there"
                    .formatted(rank, dir, StorageReason.of(e))).build();
        } catch (RuntimeException | Error e) {
            log.error("checkpoint step {}", training.getStep(), e);
            return vote.setFailure(("rank %d could not write checkpoint %s because of a defect in Kintsugi (%s); "
                    + "report it with the rank's log").formatted(rank, dir, e)).build();
        }
    }

    /// Returns when no save is in flight.
    public void awaitIdle() throws InterruptedException {
        Thread t = writing;
        if (t != null) { t.join(); }
    }

    /// Waits for a save in flight, since it reads the snapshot.
    @Override
    public void close() {
        boolean interrupted = false;
        while (true) {
            try {
                awaitIdle();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        arena.close();
        if (interrupted) { Thread.currentThread().interrupt(); }
    }
}
