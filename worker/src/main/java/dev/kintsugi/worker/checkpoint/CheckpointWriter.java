package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.sharding.manifest.CheckpointLayout;
import dev.kintsugi.sharding.optimizer.OptimizerState;
import dev.kintsugi.sharding.plan.ShardPlan;
import dev.kintsugi.storage.Storage;
import dev.kintsugi.storage.StoragePath;
import dev.kintsugi.storage.Storages;
import dev.kintsugi.worker.memory.HostMemory;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/// Saves one rank's shard while training goes on. One for the life of a rank; every method is the training thread's, but where it says otherwise.
///
/// [#save] begins and returns. From then on the training thread announces each unit before it updates it, with [#beforeUpdate], so that the files have
/// the state of the moment of saving. What went wrong becomes the vote's `failure`, never an exception in training.
public final class CheckpointWriter implements AutoCloseable {
    private final Storage storage;
    private final StoragePath checkpointDir;
    private final ShardPlan plan;
    private final int rank;
    private final OptimizerState optimizer;
    private final boolean checkSpace;
    private final LongSupplier spareBytes;
    private final StatePieces pieces;
    private final ExecutorService background;   // for what follows a save: reading back, removing
    private SnapshotPool pool;
    private volatile ShardSave last;            // null before the first
    private volatile long allocatedBytes;

    /// @param checkpointDir where `step-...` directories go
    /// @param checkSpace whether a save is given up when free space is too little for it
    public CheckpointWriter(StoragePath checkpointDir, ShardPlan plan, int rank, OptimizerState optimizer, boolean checkSpace) {
        this(Storages.of(checkpointDir), checkpointDir, plan, rank, optimizer, checkSpace, SnapshotPool.of(plan, rank, optimizer), HostMemory::spareBytes);
    }

    /// @param pool what the first save may take
    /// @param spareBytes what the host can give
    CheckpointWriter(Storage storage, StoragePath checkpointDir, ShardPlan plan, int rank, OptimizerState optimizer, boolean checkSpace,
            SnapshotPool pool, LongSupplier spareBytes) {
        this.storage = storage;
        this.checkpointDir = checkpointDir;
        this.plan = plan;
        this.rank = rank;
        this.optimizer = optimizer;
        this.checkSpace = checkSpace;
        this.pool = pool;
        this.spareBytes = spareBytes;
        this.background = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("checkpoint-after-" + rank).factory());
        this.pieces = StatePieces.of(plan, rank, optimizer, Math.max(1, pool.pieceBytes()));
    }

    /// The most that a save's pool has held so far; nothing on a rank that does not write. From any thread.
    public long allocatedBytes() {
        ShardSave save = last;
        return Math.max(allocatedBytes, save == null ? 0 : save.allocatedBytes());
    }

    /// Whether this rank writes files: where there are several copies of the model only the first one's ranks do.
    public boolean writes() {
        return plan.sharding().isFirstReplica(rank);
    }

    /// Begins to save `state` as the checkpoint of `training.step`. A rank that does not write votes at once, with no file.
    ///
    /// @param onVote called at most once, from any thread, when the files are on storage or could not be put there
    /// @return false, and nothing else happens, while the save before is still being written
    public boolean save(ShardBuffers state, TrainingState training, Consumer<CheckpointVote> onVote) {
        if (!state.plan().sharding().equals(plan.sharding()) || state.rank() != rank || !state.optimizer().equals(optimizer)) {
            throw new IllegalArgumentException("shard buffers of rank %d of %d with %s; this writer is for rank %d of %d with %s".formatted(state.rank(),
                    state.plan().worldSize(), state.optimizer().optimizer(), rank, plan.worldSize(), optimizer.optimizer()));
        }
        if (!writes()) {
            onVote.accept(CheckpointVote.newBuilder().setStep(training.getStep()).setState(training).build());
            return true;
        }
        if (!isIdle()) { return false; }
        if (last != null && last.poolExhausted()) { pool = pool.doubled(); }
        allocatedBytes = allocatedBytes();
        var files = new ShardFileWriter(storage, dir(training.getStep()), plan, rank, optimizer, checkSpace);
        last = new ShardSave(training, files, pieces, state, pool, spareBytes, onVote);
        last.start();
        return true;
    }

    /// A unit's weights and slots are about to change.
    public void beforeUpdate(int unit) {
        if (!isIdle()) { last.beforeUpdate(unit); }
    }

    /// Whether nothing is being written. From any thread.
    public boolean isIdle() {
        return last == null || last.isDone();
    }

    /// The save of `step` was given up: stops writing it, and removes what was written of it. Returns at once; from any thread.
    public void abandon(long step) {
        ShardSave save = last;
        if (save == null || save.step() != step) { return; }
        save.cancel();
        later(save::removeFilesWhenDone);
    }

    /// Reads this rank's files of the checkpoint of `step` back from the medium. Returns at once; from any thread.
    ///
    /// @param onResult what is wrong with them, empty when nothing is; from a thread of the writer's own; not called on a rank that does not write
    public void verify(long step, Consumer<String> onResult) {
        ShardSave save = last;
        if (save == null || save.step() != step) { return; }
        later(() -> onResult.accept(save.readBack()));
    }

    private void later(Runnable work) {
        try {
            background.execute(work);
        } catch (RejectedExecutionException e) {
            // Closed: the rank ends, and whatever its files need is done by those that come after it.
            assert background.isShutdown();
        }
    }

    private StoragePath dir(long step) {
        return checkpointDir.resolve(CheckpointLayout.stepDirectory(step));
    }

    /// Returns when nothing is being written, removed or read back. From any thread.
    public void awaitIdle() throws InterruptedException {
        if (last != null) { last.join(); }
        try {
            background.submit(() -> {}).get();      // the last of what was asked for until now
        } catch (ExecutionException e) {
            throw new AssertionError(e.getCause());
        }
    }

    /// Gives up a save that is still being written. Waits only for what reads the state: storage may stand still.
    @Override
    public void close() {
        background.shutdown();
        ShardSave save = last;
        if (save == null) { return; }
        save.cancel();
        boolean interrupted = false;
        while (true) {
            try {
                save.joinTaking();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) { Thread.currentThread().interrupt(); }
    }
}
