package dev.kintsugi.worker.checkpoint;

import dev.kintsugi.proto.v1.CheckpointVote;
import dev.kintsugi.proto.v1.ShardFile;
import dev.kintsugi.proto.v1.TrainingState;
import dev.kintsugi.sharding.estimate.SnapshotPool;
import dev.kintsugi.storage.StorageReason;
import dev.kintsugi.worker.memory.ShardBuffers;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One save of one rank, from the snapshot to the vote: two threads that end by themselves.
final class ShardSave {
    private static final Logger log = LoggerFactory.getLogger(ShardSave.class);

    private final TrainingState training;
    private final ShardFileWriter files;
    private final StatePieces pieces;
    private final Snapshot snapshot;
    private final Consumer<CheckpointVote> onVote;
    private final AtomicBoolean voted = new AtomicBoolean();
    private final Thread taking;
    private final Thread writing;
    private volatile long writtenBytes;
    private volatile long allocatedBytes;
    private volatile boolean poolExhausted;
    private volatile boolean done;
    private volatile List<ShardFile> written = List.of();

    ShardSave(TrainingState training, ShardFileWriter files, StatePieces pieces, ShardBuffers state, SnapshotPool pool, LongSupplier spareBytes,
            Consumer<CheckpointVote> onVote) {
        this.training = training;
        this.files = files;
        this.pieces = pieces;
        this.snapshot = new Snapshot(pieces, state, pool, spareBytes);
        this.onVote = onVote;
        this.taking = Thread.ofPlatform().daemon().name("checkpoint-taker-" + files.rank()).unstarted(this::take);
        this.writing = Thread.ofPlatform().daemon().name("checkpoint-writer-" + files.rank()).unstarted(this::write);
    }

    void start() {
        taking.start();
        writing.start();
    }

    long step() {
        return training.getStep();
    }

    /// See [Snapshot#preserve].
    void beforeUpdate(int unit) {
        if (snapshot.preserve(unit)) { return; }
        poolExhausted = true;
        voteFailure("storage took %s of %s during a step; %s".formatted(Gigabytes.of(writtenBytes), Gigabytes.of(pieces.bytes()), snapshot.isShortOfMemory()
                ? "this host has no memory left to keep more than %s of the rest: use more hosts, fewer ranks on each, or quicker storage"
                        .formatted(Gigabytes.of(snapshot.allocatedBytes()))
                : "the next save may keep twice as much in memory"));
    }

    /// Whether it was given up because the pool had no slot left.
    boolean poolExhausted() {
        return poolExhausted;
    }

    /// Its outcome is decided: nobody wants the files, and no vote.
    void cancel() {
        voted.set(true);
        snapshot.abandon();
    }

    /// Reads back what it voted for; see [ReadBack#verify].
    String readBack() {
        long startNs = System.nanoTime();
        String failure = files.readBack(written);
        if (failure.isEmpty()) {
            log.info("read back {}: {}", files.dir(), Gigabytes.since(startNs, pieces.bytes()));
        } else {
            log.error("{}", failure);
        }
        return failure;
    }

    /// Waits for the writing thread to end.
    void removeFilesWhenDone() {
        try {
            join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        removeFiles();
    }

    private void removeFiles() {
        try {
            files.remove();
        } catch (IOException e) {
            log.warn("files of the abandoned checkpoint {} could not be removed: {}", files.dir(), StorageReason.of(e));
        }
    }

    /// Whether nothing is written any more and the state is not read: true before the vote is cast, unless the training thread cast it.
    boolean isDone() {
        return done;
    }

    void join() throws InterruptedException {
        writing.join();
    }

    /// Returns when the state is not read any more.
    void joinTaking() throws InterruptedException {
        taking.join();
    }

    long allocatedBytes() {
        return allocatedBytes;
    }

    private void take() {
        try {
            while (true) {
                switch (snapshot.takeNext()) {
                    case TOOK -> allocatedBytes = snapshot.allocatedBytes();
                    case POOL_FULL -> snapshot.awaitSlot();
                    case NOTHING_LEFT -> {
                        return;
                    }
                }
            }
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts the taking thread", e);
        }
    }

    private void write() {
        long startNs = System.nanoTime();
        try {
            written = files.write(pieces, snapshot, n -> writtenBytes = n);
            endSnapshot();
            log.info("wrote {}: {}, at most {} of it in memory", files.dir(), Gigabytes.since(startNs, pieces.bytes()), Gigabytes.of(allocatedBytes));
            done = true;
            vote(CheckpointVote.newBuilder().addAllFiles(written));
        } catch (CancellationException e) {
            fail("it was cancelled");
        } catch (IOException e) {
            fail("%s: %s; free space or permit writing there".formatted(files.dir(), StorageReason.of(e)));
        } catch (InterruptedException | RuntimeException | Error e) {
            log.error("checkpoint step {}", step(), e);
            fail("%s: there is a defect in Kintsugi (%s); report it with the rank's log".formatted(files.dir(), e));
        }
    }

    private void fail(String reason) {
        endSnapshot();
        removeFiles();
        done = true;
        voteFailure(reason);
    }

    private void endSnapshot() {
        snapshot.abandon();
        try {
            taking.join();
        } catch (InterruptedException e) {
            throw new AssertionError("nobody interrupts the writing thread", e);
        }
        allocatedBytes = snapshot.allocatedBytes();
        snapshot.close();
    }

    private void voteFailure(String reason) {
        vote(CheckpointVote.newBuilder().setFailure(reason));
    }

    private void vote(CheckpointVote.Builder vote) {
        if (!voted.compareAndSet(false, true)) { return; }
        try {
            onVote.accept(vote.setStep(step()).setState(training).build());
        } catch (RuntimeException e) {
            log.warn("the vote for checkpoint step {} could not be cast", step(), e);
        }
    }
}
